"use strict";
(() => {
  const tip = document.getElementById("tip");
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const blocks = all(".block");

  const show = (target, x, y) => {
    tip.textContent = target.dataset.detail;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - box.width - 8))}px`;
    tip.style.top = `${y + 18 + box.height > innerHeight ? Math.max(4, y - box.height - 10) : y + 18}px`;
  };
  const hide = () => { tip.hidden = true; };

  for (const target of all("[data-detail]")) {
    // The script's own tip takes the place of the browser's.
    target.querySelector("title")?.remove();
    target.removeAttribute("title");
    target.addEventListener("pointermove", (event) => show(target, event.clientX, event.clientY));
    target.addEventListener("pointerleave", hide);
    target.addEventListener("focus", () => {
      const box = target.getBoundingClientRect();
      show(target, box.left, box.bottom);
    });
    target.addEventListener("blur", hide);
  }

  // Pointing at a layer shows what is alive while it runs.
  const mark = (call) => {
    for (const block of blocks) {
      const alive = call !== null && Number(block.dataset.first) <= call && call <= Number(block.dataset.last);
      block.classList.toggle("on", alive);
      block.classList.toggle("off", call !== null && !alive);
    }
    for (const other of all("[data-call]")) other.classList.toggle("on", Number(other.dataset.call) === call && call !== null);
  };
  for (const source of all("[data-call]")) {
    const call = Number(source.dataset.call);
    for (const name of ["pointerenter", "focus"]) source.addEventListener(name, () => mark(call));
    for (const name of ["pointerleave", "blur"]) source.addEventListener(name, () => mark(null));
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
})();
