// Compile gan_lightning/chain/Works.sol:  node compile.js [FOLDER [OUTPUT]]
//
// FOLDER holds the sources (gan_lightning/chain), OUTPUT is the file to write (Works.json in FOLDER): ABI and bytecode.
// `npm ci` in this folder installs the compiler and the libraries.
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const modules = path.join(__dirname, "node_modules");
const folder = process.argv[2] || path.join(__dirname, "../../gan_lightning/chain");
const output = process.argv[3] || path.join(folder, "Works.json");

const sources = {};
for (const name of fs.readdirSync(folder).sort()) {
  if (name.endsWith(".sol")) sources[name] = { content: fs.readFileSync(path.join(folder, name), "utf8") };
}
const input = {
  language: "Solidity",
  sources,
  settings: {
    evmVersion: "cancun",
    optimizer: { enabled: true, runs: 200 },
    metadata: { bytecodeHash: "none" }, // a changed comment does not change the bytecode
    outputSelection: { "Works.sol": { Works: ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
  },
};
const readImport = (name) => ({ contents: fs.readFileSync(path.join(modules, name), "utf8") });
const result = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport }));
for (const message of result.errors || []) console.error(message.formattedMessage);
const contract = result.contracts?.["Works.sol"]?.Works;
if (!contract?.evm.bytecode.object) process.exit(1);

const abi = contract.abi.map((entry) => "    " + JSON.stringify(entry)).join(",\n");
const bytecode = "0x" + contract.evm.bytecode.object;
fs.writeFileSync(output, `{\n  "abi": [\n${abi}\n  ],\n  "bytecode": "${bytecode}"\n}\n`);
const size = contract.evm.deployedBytecode.object.length / 2;
console.log(`solc ${solc.version()}: ${size} of at most 24576 bytes, written to ${path.relative(".", output)}`);
