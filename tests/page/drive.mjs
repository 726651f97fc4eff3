// One scenario in a real browser: node drive.mjs SCENARIO --url http://… [--token …] [--file …]
// Ends with 0 when everything was as it must be; otherwise says what was not.
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { launched } from "./browser.mjs";

const { values: given, positionals: [name] } = parseArgs({
    allowPositionals: true,
    options: { url: { type: "string" }, token: { type: "string" }, file: { type: "string" } },
});
const { scenario } = await import(`./scenarios/${name}.mjs`);
try {
    await launched((browser) => scenario({ browser, ...given }));
    console.log(`${name}: done`);
} catch (error) {
    console.error(`${name}: ${error instanceof assert.AssertionError ? error.message : error.stack}`);
    process.exitCode = 1;
}
