"""The command that looks at a set of images before anything is computed from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fairfactor.cli.options import with_session
from fairfactor.cli.session import Session
from fairfactor.data.images.table import UnusableImages
from fairfactor.settings import check_choice


@with_session
def images(
    session: Session,
    data: Annotated[
        str, typer.Argument(help="drawn-faces, celeba, lfwa, utkface, fairface or folder.")
    ],
    root: Annotated[str | None, typer.Option(help="Folder of a release.")] = None,
    images: Annotated[str | None, typer.Option(help="Folder of your own image files.")] = None,
    labels: Annotated[str | None, typer.Option(help="Table of the files in --images.")] = None,
    sensitive: Annotated[
        str | None, typer.Option(help="Sensitive features; those of the data set if unset.")
    ] = None,
    unusable_images: Annotated[
        UnusableImages, typer.Option(help="refuse, or leave-out, rows without a usable image.")
    ] = "refuse",
    contact_sheet: Annotated[
        Path | None,
        typer.Option(help="PNG to write with some images of each group. It shows people."),
    ] = None,
) -> None:
    """Check every image of a set, and show how often each attribute occurs in each group.

    The gap of an attribute is that of a classifier that is always right: no honest method can be
    both accurate and far below it. Nothing is written but the contact sheet, if you name one.
    """
    from fairfactor.data.images.attributes import attribute_shares
    from fairfactor.data.images.contact_sheet import write_contact_sheet
    from fairfactor.data.images.task import IMAGE_SETS, image_table
    from fairfactor.data.request import DataRequest
    from fairfactor.data.sources import SOURCES

    check_choice("data", data, IMAGE_SETS)
    chosen = tuple(part.strip() for part in (sensitive or "").split(",") if part.strip())
    request = DataRequest(
        data,
        chosen or SOURCES[data].sensitive,
        root=root,
        images=images,
        labels=labels,
        unusable_images=unusable_images,
    )
    table = image_table(request)
    names, counts, shares = attribute_shares(table, request.sensitive)
    sheet = None
    if contact_sheet is not None:
        write_contact_sheet(table, contact_sheet, request.sensitive)
        sheet = str(contact_sheet)
    if not session.json:
        shown = Table("%", "All", *(escape(name) for name in names), "Gap")
        shown.add_row("images", f"{sum(counts):,}", *(f"{count:,}" for count in counts), "")
        for one in shares:
            cells = (one.share, *one.group_shares, one.gap)
            shown.add_row(Text(one.name), *(f"{100 * cell:.1f}" for cell in cells))
        session.output.print(shown)
    session.show(
        "" if sheet is None else f"Contact sheet: {sheet}. It shows people: keep it as the data.",
        {
            "groups": dict(zip(names, counts, strict=True)),
            "attributes": [
                {"name": one.name, "share": one.share, "by_group": one.group_shares, "gap": one.gap}
                for one in shares
            ],
            "noticed": [str(notice).partition(" (")[0] for notice in table.noticed],
            "contact_sheet": sheet,
        },
    )
