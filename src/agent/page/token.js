// Asking for the token, when the agent wants one or has refused the one it was given.

import { hasToken, setToken, whenUnauthorized } from "./client.js";
import { byId, setText } from "./elements.js";

const dialog = byId("token-dialog", HTMLDialogElement);
const input = byId("token", HTMLInputElement);
const message = byId("token-message", HTMLElement);
const button = byId("give-token", HTMLButtonElement);

/**
 * @param {() => void} onGiven
 */
export function listen(onGiven) {
    whenUnauthorized((refused) => {
        button.hidden = false;
        if (refused) {
            setText(message, "The agent has refused this token.");
            setToken(null);
        }
        ask();
    });
    button.addEventListener("click", ask);
    byId("token-cancel", HTMLButtonElement).addEventListener("click", () => dialog.close());
    byId("token-form", HTMLFormElement).addEventListener("submit", (event) => {
        event.preventDefault();
        const given = input.value.trim();
        if (given === "") return;
        setToken(given);
        input.value = "";
        setText(message, "");
        dialog.close();
        onGiven();
    });
    button.hidden = !hasToken();
}

function ask() {
    // Several requests are refused at once; one question is enough. Another dialog stays below.
    if (!dialog.open) dialog.showModal();
    input.focus();
}
