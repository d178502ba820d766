"use strict";
// The page is whole without this script. It adds the search, enlarged pictures, an origin that
// prints while it is open, and popovers in browsers that have none of their own.
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  document.documentElement.classList.add("js");

  const find = byId("find");
  const parts = all("[data-find]");
  const participants = parts.filter((part) => part.matches(".participant"));
  const search = () => {
    const wanted = find.value.trim().toLowerCase();
    for (const part of parts) {
      part.hidden = !part.dataset.find.toLowerCase().includes(wanted);
    }
    const shown = participants.filter((part) => !part.hidden).length;
    byId("found").value = wanted ? `${shown} of ${participants.length}` : "";
    const filtered = byId("filtered");
    filtered.hidden = !wanted;
    filtered.textContent = `Shown: ${shown} of ${participants.length} participants, those with “${find.value.trim()}”.`;
  };
  find.addEventListener("input", search);
  find.addEventListener("keydown", (event) => {
    const first = participants.find((part) => !part.hidden);
    if (event.key === "Enter" && first) {
      first.scrollIntoView();
    } else if (event.key === "Escape") {
      find.value = "";
      search();
    }
  });
  // A link to a part that the search has hidden shows everything again.
  window.addEventListener("hashchange", () => {
    const target = byId(decodeURIComponent(location.hash.slice(1)));
    if (target && target.closest("[hidden]")) {
      find.value = "";
      search();
      target.scrollIntoView();
    }
  });

  const enlarged = byId("enlarged");
  for (const button of all(".enlarge")) {
    button.addEventListener("click", () => {
      const picture = button.parentElement.querySelector("img");
      const words = button.closest("figure").querySelector("figcaption");
      const large = enlarged.querySelector("img");
      large.src = picture.src;
      large.alt = picture.alt;
      byId("enlarged-title").textContent = words.querySelector("b").textContent;
      enlarged.querySelector("p span").textContent = words.querySelector("span").textContent;
      enlarged.showModal();
    });
  }
  enlarged.addEventListener("click", (event) => {
    if (event.target === enlarged) {
      enlarged.close();
    }
  });

  if (!("popover" in HTMLElement.prototype)) {
    const close = () => all(".origin.shown").forEach((panel) => panel.classList.remove("shown"));
    for (const button of all("[popovertarget]")) {
      button.addEventListener("click", () => {
        close();
        if (!button.hasAttribute("popovertargetaction")) {
          byId(button.getAttribute("popovertarget")).classList.add("shown");
        }
      });
    }
    document.addEventListener("keydown", (event) => event.key === "Escape" && close());
  }

  // An open panel lies above the page, where paper has no place: it is printed after its visit.
  const opened = () => {
    try {
      return all(".origin:popover-open");
    } catch {
      return all(".origin.shown");
    }
  };
  window.addEventListener("beforeprint", () => {
    for (const panel of opened()) {
      const copy = document.createElement("div");
      copy.className = "printed-origin";
      copy.innerHTML = panel.innerHTML;
      panel.before(copy);
    }
  });
  window.addEventListener("afterprint", () => all(".printed-origin").forEach((copy) => copy.remove()));
})();
