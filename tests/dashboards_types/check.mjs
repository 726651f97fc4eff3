// Checks dashboards against the types of Grafana's foundation SDK: node check.mjs FILE…
// Each file becomes, in memory, a module that assigns it to the type; the line of a complaint is the file's own.
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const here = dirname(fileURLToPath(import.meta.url));
const files = process.argv.slice(2);
if (files.length === 0) {
    console.error("check.mjs: no file was named");
    process.exit(2);
}

/** Module's path, to the dashboard's path and the module's text. */
const modules = new Map(files.map((file, at) => [
    join(here, `dashboard-${at}.ts`),
    { file, text: `import type { Checked } from "./dashboard"; export const dashboard: Checked = ${readFileSync(resolve(file), "utf8")};` },
]));

const options = {
    strict: true,
    noEmit: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
};
const host = ts.createCompilerHost(options);
const { fileExists, readFile, getSourceFile } = host;
host.fileExists = (path) => modules.has(path) || fileExists(path);
host.readFile = (path) => modules.get(path)?.text ?? readFile(path);
host.getSourceFile = (path, language, ...rest) => modules.has(path)
    ? ts.createSourceFile(path, modules.get(path).text, language)
    : getSourceFile(path, language, ...rest);

const program = ts.createProgram([...modules.keys()], options, host);
const complaints = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const message = ts.flattenDiagnosticMessageText(messageText, "\n");
    if (!file) return message;
    const line = ts.getLineAndCharacterOfPosition(file, start).line + 1;
    return `${modules.get(file.fileName)?.file ?? file.fileName}:${line}: ${message}`;
});
for (const complaint of complaints) console.error(complaint);
console.log(JSON.stringify({ files: files.length, complaints: complaints.length }));
process.exit(complaints.length === 0 ? 0 : 1);
