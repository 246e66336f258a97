/** The element with this id; a page without it is broken. */
export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; text is never read as markup. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A table that stays one when narrow screens stack its cells: roles are said, not implied. */
export function table(caption, columns, rows) {
  const heads = columns.map(({ title, numeric }) =>
    element("th", { scope: "col", role: "columnheader", class: numeric ? "number" : null }, title),
  );
  const cells = (row) =>
    row.map((content, place) => {
      const { title, numeric } = columns[place];
      const attributes = { "data-title": title, class: numeric ? "number" : null };
      return place === 0
        ? element("th", { ...attributes, scope: "row", role: "rowheader" }, content)
        : element("td", { ...attributes, role: "cell" }, content);
    });
  return element(
    "table",
    { role: "table" },
    element("caption", { class: "visually-hidden" }, caption),
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...heads)),
    element("tbody", { role: "rowgroup" }, ...rows.map((row) => element("tr", { role: "row" }, ...cells(row)))),
  );
}
