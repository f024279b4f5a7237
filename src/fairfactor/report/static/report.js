"use strict";

const root = document.documentElement;
root.classList.add("js");

const THEMES = ["automatic", "light", "dark"];

function setTheme(theme) {
  if (theme === "automatic") root.removeAttribute("data-theme");
  else root.setAttribute("data-theme", theme);
  try {
    localStorage.setItem("fairfactor-theme", theme);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

function storedTheme() {
  try {
    const theme = localStorage.getItem("fairfactor-theme");
    return THEMES.includes(theme) ? theme : "automatic";
  } catch {
    return "automatic";
  }
}

function prepareTheme(button) {
  let theme = storedTheme();
  const show = () => { button.textContent = `Theme: ${theme}`; };
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    setTheme(theme);
    show();
  });
  show();
}

// Metric buttons show and hide panels. The first panel of each row of three carries the labels.
function prepareMetrics(choices) {
  const panels = [...document.querySelectorAll(".panel")];
  const lead = () => {
    panels.filter((panel) => !panel.hidden)
      .forEach((panel, index) => panel.classList.toggle("leads", index % 3 === 0));
  };
  choices.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const panel = document.getElementById(button.getAttribute("aria-controls"));
    panel.hidden = !panel.hidden;
    button.setAttribute("aria-pressed", String(!panel.hidden));
    lead();
  });
  lead();
}

// One stop of the tab key for each chart; the arrow keys walk along its rows.
function prepareRows(list) {
  const rows = [...list.children];
  rows.forEach((row, index) => { row.tabIndex = index ? -1 : 0; });
  list.addEventListener("keydown", (event) => {
    const here = rows.indexOf(event.target);
    const steps = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: rows.length - 1 };
    if (event.key === "Escape") event.target.blur();
    const next = rows[steps[event.key]];
    if (!next) return;
    event.preventDefault();
    rows[here].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

// Buttons of which exactly one is pressed, each showing the element it controls.
function prepareScales(choices) {
  const buttons = [...choices.querySelectorAll("button")];
  const press = (pressed) => buttons.forEach((button) => {
    button.setAttribute("aria-pressed", String(button === pressed));
    document.getElementById(button.getAttribute("aria-controls")).hidden = button !== pressed;
  });
  buttons.forEach((button) => button.addEventListener("click", () => press(button)));
  press(buttons[0]);
}

function prepareRates(select) {
  const tables = [...document.querySelectorAll("details.rates")];
  const show = () => tables.forEach((table) => {
    table.hidden = table.id !== select.value;
    table.open = !table.hidden;
  });
  select.addEventListener("change", show);
  show();
}

setTheme(storedTheme());
document.addEventListener("DOMContentLoaded", () => {
  const prepare = (selector, action) => document.querySelectorAll(selector).forEach(action);
  prepare("#theme", prepareTheme);
  prepare("#metric-choices", prepareMetrics);
  prepare(".rows", prepareRows);
  prepare("#scale-choices", prepareScales);
  prepare("#rates-method", prepareRates);
});
