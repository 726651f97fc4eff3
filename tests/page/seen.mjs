// What a person sees on the page, waited for.

/** The element with the state of the run has this text. */
export async function phase(page, text) {
    await page.locator("#phase", { hasText: text }).waitFor();
}

/** The number in a tile: `1,234` of "VUs". */
export async function tile(page, name) {
    const text = await page.locator("#tiles .tile", { has: page.locator("dt", { hasText: new RegExp(`^${name}$`) }) }).locator(".value").innerText();
    return Number(text.replace(/[,/s]/g, ""));
}

/** Waits until the number in a tile is `value`. */
export async function tileIs(page, name, value) {
    const tile = page.locator("#tiles .tile", { has: page.locator("dt", { hasText: new RegExp(`^${name}$`) }) });
    await tile.locator(".value", { hasText: new RegExp(`^${value}$`) }).waitFor();
}

/** Starts a profile by its button, with fields by their labels. */
export async function start(page, profile, fields = {}) {
    await page.getByRole("button", { name: `Start ${profile}…` }).click();
    const dialog = page.getByRole("dialog", { name: `Start ${profile}` });
    for (const [label, value] of Object.entries(fields)) await dialog.getByLabel(label).fill(value);
    await dialog.getByRole("button", { name: "Start", exact: true }).click();
}
