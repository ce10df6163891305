// Filters by member and period, kept in the address, and searches in tables. Without it the pages show everybody and
// the last whole year. What does not belong here: any wording or arithmetic; the pages carry every text.
"use strict";
(() => {
  const block = document.getElementById("figures");
  const data = block ? JSON.parse(block.textContent) : null;
  const form = document.getElementById("filters");
  const root = document.body.dataset.root;
  const waiting = new Set();

  // A member's figures come as a script of their own, which calls this.
  window.mattstock = (member, figures) => {
    data.figures[member] = figures;
    apply();
  };

  function wanted() {
    const asked = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
    const known = (name) => {
      const value = asked.get(name);
      return [...form.elements[name].options].some((option) => option.value === value) ? value : data[name];
    };
    return { member: known("member"), period: known("period") };
  }

  // Whether the member's figures are here; if not, they are asked for and the page is filled when they come.
  function loaded(member) {
    const file = data.files[member];
    if (!file || data.figures[member]) return true;
    if (!waiting.has(member)) {
      waiting.add(member);
      const script = document.createElement("script");
      script.src = root + file;
      document.head.append(script);
    }
    return false;
  }

  function cellsOf(named, chosen) {
    const row = named.replace("{member}", chosen.member);
    for (const [member, period] of [[chosen.member, chosen.period], [chosen.member, "*"], ["*", chosen.period]]) {
      const found = data.figures[member]?.[period]?.[row];
      if (found) return found;
    }
    return row.endsWith("~") ? [""] : data.blank;
  }

  function fill(chosen) {
    for (const row of document.querySelectorAll("[data-row]")) {
      const cells = cellsOf(row.dataset.row, chosen);
      const mine = (name) =>
        [row, ...row.querySelectorAll(`[${name}]`)].filter((one) => one.hasAttribute(name) && one.closest("[data-row]") === row);
      for (const one of mine("data-cell")) one.textContent = cells[one.dataset.cell] ?? "";
      for (const one of mine("data-state")) one.dataset.value = cells[one.dataset.state] ?? "";
      for (const one of mine("data-path")) one.setAttribute("d", cells[one.dataset.path] ?? "");
      for (const one of mine("data-say")) one.setAttribute("aria-label", `${one.dataset.say}: ${cells[0]}`);
      for (const one of mine("data-left")) {
        one.hidden = !cells[one.dataset.left];
        one.style.left = `${cells[one.dataset.left]}%`;
      }
      for (const one of mine("data-width")) one.style.width = `${cells[one.dataset.width] || 0}%`;
      if (row.matches("[data-hide-empty]")) row.hidden = cells === data.blank;
    }
  }

  function show(chosen) {
    for (const name of ["member", "period"]) {
      const parts = [...document.querySelectorAll(`[data-only-${name}]:not([data-else])`)];
      const key = name === "member" ? "onlyMember" : "onlyPeriod";
      for (const part of parts) part.hidden = part.dataset[key] !== chosen[name];
    }
    for (const part of document.querySelectorAll("[data-else]")) {
      part.hidden = [...part.parentElement.querySelectorAll("[data-only-member]:not([data-else])")].some((one) => !one.hidden);
    }
  }

  function keep(chosen) {
    const changed = Object.entries(chosen).filter(([name, value]) => value !== data[name]);
    const hash = changed.length ? `#${new URLSearchParams(changed)}` : "";
    for (const link of document.querySelectorAll("a[href]")) {
      const bare = link.getAttribute("href").split("#")[0];
      if (!bare.endsWith(".html")) continue;
      link.dataset.anchor ??= link.getAttribute("href").slice(bare.length);
      link.setAttribute("href", bare + (hash || link.dataset.anchor));
    }
  }

  function apply() {
    const chosen = wanted();
    for (const name of ["member", "period"]) {
      form.elements[name].value = chosen[name];
      const said = document.querySelector(`[data-chosen="${name}"]`);
      if (said) said.textContent = form.elements[name].selectedOptions[0].textContent;
    }
    keep(chosen);
    show(chosen);
    search();
    if (loaded(chosen.member)) fill(chosen);
  }

  // Rows that hold every word of the search, and, in tables that the filters reach, the member and the period.
  function search() {
    for (const said of document.querySelectorAll("[data-counted]")) {
      const table = document.getElementById(said.dataset.counted);
      const box = document.querySelector(`[data-search="${table.id}"]`);
      const words = box.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
      const chosen = form && table.matches("[data-filtered]") && location.hash.includes("=") ? wanted() : null;
      const option = chosen && chosen.period !== data.period ? form.elements.period.selectedOptions[0] : null;
      let shown = 0;
      const rows = table.tBodies[0].rows;
      for (const row of rows) {
        const text = row.textContent.toLocaleLowerCase();
        const { members, date } = row.dataset;
        row.hidden = !(
          words.every((word) => text.includes(word)) &&
          (!chosen || chosen.member === data.member || members.split(" ").includes(chosen.member)) &&
          (!option || (date >= option.dataset.start && date <= option.dataset.end))
        );
        shown += row.hidden ? 0 : 1;
      }
      said.textContent = said.dataset.words.replace("{shown}", shown).replace("{total}", rows.length);
    }
  }

  for (const box of document.querySelectorAll("[data-search]")) box.addEventListener("input", search);
  if (!form || !data) return;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => {
    location.hash = new URLSearchParams({ member: form.elements.member.value, period: form.elements.period.value });
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    location.hash = new URLSearchParams({ member: data.member, period: data.period });
  });
  window.addEventListener("hashchange", apply);
  if (location.hash.includes("=")) apply();
})();
