#!/usr/bin/env node
// npm's Solidity compiler behind the two options of the native program that forge and slither call.
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const options = process.argv.slice(2);
const folders = [".", path.join(__dirname, "../node_modules")];
options.forEach((option, i) => {
  if (option === "--base-path" || option === "--include-path") folders.unshift(options[i + 1]);
});

function readImport(name) {
  const found = folders.map((folder) => path.resolve(folder, name)).find(fs.existsSync);
  return found ? { contents: fs.readFileSync(found, "utf8") } : { error: `not found: ${name}` };
}

if (options.includes("--version")) {
  const version = solc.version().replace(".Emscripten.clang", ".Linux.g++"); // the form that forge reads
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${version}`);
} else if (options.includes("--standard-json")) {
  process.stdout.write(solc.compile(fs.readFileSync(0, "utf8"), { import: readImport }));
} else {
  console.error("error: only --version and --standard-json are known");
  process.exit(2);
}
