// Light, dark, or as the system has it. Loaded before the page is drawn, so that it does not flash.

const kept = localStorage.getItem("theme");
if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
