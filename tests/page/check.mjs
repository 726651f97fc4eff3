// The page's scripts against their types, by the TypeScript compiler: node check.mjs [FILE…] checks these in place of the page's own.
import { readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const scripts = join(dirname(fileURLToPath(import.meta.url)), "../../src/agent/page");
const given = process.argv.slice(2).map((file) => resolve(file));
const files = given.length > 0 ? given : readdirSync(scripts).filter((name) => /\.(js|d\.ts)$/.test(name)).map((name) => join(scripts, name));
const program = ts.createProgram(files, {
    allowJs: true,
    checkJs: true,
    noEmit: true,
    strict: true,
    noUncheckedIndexedAccess: true,
    noUnusedLocals: true,
    types: [],
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    // `client.js` is a module, `theme.js` a script.
    moduleDetection: ts.ModuleDetectionKind.Auto,
});
const complaints = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const message = ts.flattenDiagnosticMessageText(messageText, "\n");
    return file ? `${file.fileName}:${ts.getLineAndCharacterOfPosition(file, start).line + 1}: ${message}` : message;
});
for (const complaint of complaints) console.error(complaint);
console.log(JSON.stringify({ files: files.length, complaints: complaints.length }));
process.exit(complaints.length === 0 ? 0 : 1);
