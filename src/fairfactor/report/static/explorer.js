
// The explorer of a tuning: the point shown is one of those in the page's JSON, which holds all
// texts and positions. Here they are only put in their places.
function prepareExplorer(explorer) {
  const find = (selector) => explorer.querySelector(selector);
  const all = (selector) => [...explorer.querySelectorAll(selector)];
  const source = find("#point-details");
  if (!source) return;
  const points = JSON.parse(source.textContent);
  const gap = find("#gap");
  const slider = find("#along");
  const splits = all("#splits button");
  let split = "validation";
  let active = Number(explorer.dataset.active);

  const frontier = () =>
    find(`#view-${gap.value}-validation`).dataset.frontier.split(" ").filter(Boolean).map(Number);

  function showView() {
    all(".view").forEach((view) => { view.hidden = view.id !== `view-${gap.value}-${split}`; });
    splits.forEach((button) => button.setAttribute("aria-pressed", String(button.value === split)));
    const distance = (index) =>
      Math.abs(points[index].gaps[gap.value] - points[active].gaps[gap.value]);
    const along = frontier();
    const here = along.includes(active)
      ? along.indexOf(active)
      : along.reduce((best, index, i) => (distance(index) < distance(along[best]) ? i : best), 0);
    slider.max = Math.max(0, along.length - 1);
    slider.disabled = along.length < 2;
    slider.value = here;
  }

  function placeDumbbell(row, [, low, middle, high]) {
    row.toggleAttribute("hidden", middle === null);
    const [extent, shift, mark] = [".after", ".shift", ".mark"].map((s) => row.querySelector(s));
    extent.setAttribute("x1", `${low}%`);
    extent.setAttribute("x2", `${high}%`);
    shift.setAttribute("x2", `${middle}%`);
    mark.setAttribute("x", `${middle}%`);
  }

  function showPoint() {
    const point = points[active];
    all("[data-text]").forEach((slot) => { slot.textContent = point.texts[slot.dataset.text]; });
    all(".spot").forEach((spot) => {
      const shown = Number(spot.dataset.point) === active;
      spot.classList.toggle("active", shown);
      if (shown) spot.parentNode.append(spot);
    });
    all(".metrics tbody tr").forEach((row, i) => {
      const slots = [...row.querySelectorAll("td + td span, td + td small")];
      slots.forEach((slot, j) => { slot.textContent = point.metrics[i][j]; });
    });
    all(".shifts article").forEach((chart, i) => {
      const dumbbells = [...chart.querySelectorAll(".dumbbell")];
      const texts = [...chart.querySelectorAll("b")];
      point.rates[i].forEach((rate, j) => {
        placeDumbbell(dumbbells[j], rate);
        texts[j].textContent = rate[0];
      });
    });
    all(".confusion tbody tr").forEach((row, i) => {
      row.querySelectorAll("span").forEach((slot, j) => {
        slot.textContent = point.confusion[i][j];
      });
    });
    all("[data-select]").forEach((button) => {
      button.hidden = Number(button.dataset.select) === active;
    });
    showConstraint();
  }

  function showConstraint() {
    const point = points[active];
    const constraint = point.constraints[gap.value];
    all("[data-when]").forEach((part) => {
      part.hidden = (part.dataset.when === "constraint") !== Boolean(constraint);
    });
    find("[data-constraint]").textContent = constraint;
    const [accuracy, value] = [gap.dataset.accuracy, gap.selectedOptions[0].dataset.metric]
      .map((index) => point.metrics[index]?.[2]);
    const label = gap.selectedOptions[0].textContent;
    slider.setAttribute(
      "aria-valuetext",
      `${point.texts.place}: accuracy ${accuracy}, ${label} ${value} on validation rows, ${point.texts.recipe}`,
    );
  }

  function select(index) {
    active = index;
    showView();
    showPoint();
  }

  // The nearest mark within reach of a finger.
  function markAt(view, event) {
    const offset = (spot) => {
      const box = spot.querySelector(".mark").getBoundingClientRect();
      return Math.hypot(
        box.left + box.width / 2 - event.clientX, box.top + box.height / 2 - event.clientY);
    };
    const spots = [...view.querySelectorAll("[data-point]")];
    const [nearest] = spots.map((spot) => [offset(spot), spot]).sort(([a], [b]) => a - b);
    return nearest && nearest[0] < 22 ? Number(nearest[1].dataset.point) : active;
  }

  gap.addEventListener("change", () => { showView(); showConstraint(); });
  splits.forEach((button) => button.addEventListener("click", () => {
    split = button.value;
    showView();
  }));
  slider.addEventListener("input", () => select(frontier()[slider.value]));
  all(".view").forEach((view) => view.addEventListener("click", (event) => {
    select(markAt(view, event));
  }));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-select]");
    if (!button) return;
    select(Number(button.dataset.select));
    slider.focus();
  });
  select(active);
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("#explorer").forEach(prepareExplorer);
});
