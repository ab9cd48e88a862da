"use strict";
(() => {
  const entries = [...document.querySelectorAll("[data-entry]")].map((element) => ({
    element,
    text: element.textContent.toLowerCase(),
    red: element.hasAttribute("data-red"),
    kind: element.getAttribute("data-entry"),
    // What concerns every account is there whatever is searched for.
    always: element.closest("[data-always]") !== null,
  }));
  const folds = [...document.querySelectorAll("main details")];
  const groups = document.querySelectorAll("[data-group]");
  const field = document.getElementById("search");
  const onlyRed = document.getElementById("only-red");
  const found = document.getElementById("found");
  document.querySelector(".tools").hidden = false;

  const narrow = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const isAll = !words.length && !onlyRed.checked;
    const shown = [];
    const counts = new Map();
    for (const it of entries) {
      const isShown = isAll || ((!onlyRed.checked || it.red) && words.every((word) => it.text.includes(word)));
      it.element.hidden = !isShown && !it.always;
      if (!isShown) continue;
      if (it.kind === "account") shown.push(it.element);
      counts.set(it.kind, (counts.get(it.kind) || 0) + 1);
    }
    for (const it of [...groups, ...document.querySelectorAll("main section")]) {
      it.hidden = !isAll && !it.closest("[data-always]") && !it.querySelector("[data-entry]:not([hidden])");
    }
    if (!isAll && shown.length <= 3) shown.forEach((it) => { it.open = true; });
    found.textContent = isAll ? "" : said(counts);
  };

  // A screen reader reads it, since it is an output.
  const said = (counts) => {
    const texts = [...counts].map(([kind, number]) => `${number.toLocaleString("en")} ${kind}${number === 1 ? "" : "s"}`);
    return texts.length ? `Found: ${texts.join(", ")}` : "Nothing found";
  };

  const show = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest("[hidden]")) {
      field.value = "";
      onlyRed.checked = false;
      narrow();
    }
    for (let it = target; it; it = it.parentElement) if (it.tagName === "DETAILS") it.open = true;
    target.scrollIntoView();
  };

  field.addEventListener("input", narrow);
  onlyRed.addEventListener("change", narrow);
  document.getElementById("unfold").addEventListener("click", () => folds.forEach((it) => { it.open = true; }));
  document.getElementById("fold").addEventListener("click", () => folds.forEach((it) => { it.open = false; }));
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      field.focus();
    }
    if (event.key === "Escape" && document.activeElement === field) {
      field.value = "";
      narrow();
    }
  });

  // On paper nothing can be unfolded.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = folds.filter((it) => !it.open);
    folded.forEach((it) => { it.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((it) => { it.open = false; }));
  addEventListener("hashchange", show);
  show();
})();
