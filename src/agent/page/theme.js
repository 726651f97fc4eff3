// Light or dark as the system has it, unless somebody has chosen. A classic script in the head, so that the first
// picture already has its colours.
"use strict";

(() => {
    const KEY = "rampd-theme";
    const choices = ["system", "light", "dark"];

    /** @returns {string} */
    function chosen() {
        try {
            return localStorage.getItem(KEY) ?? "system";
        } catch {
            return "system"; // Storage can be forbidden by the browser's settings.
        }
    }

    /** @param {string} choice */
    function apply(choice) {
        if (choice === "system") delete document.documentElement.dataset.theme;
        else document.documentElement.dataset.theme = choice;
    }

    apply(chosen());
    document.addEventListener("DOMContentLoaded", () => {
        const button = document.getElementById("theme");
        if (!button) return;
        const label = () => { button.textContent = `Colours: ${chosen()}`; };
        label();
        button.addEventListener("click", () => {
            const next = choices[(choices.indexOf(chosen()) + 1) % choices.length] ?? "system";
            try {
                localStorage.setItem(KEY, next);
            } catch {
                // The choice holds until the page is closed.
            }
            apply(next);
            label();
        });
    });
})();
