// Calls the official TypeScript SDK as told: one JSON line in ({sdk, method, args}), one JSON line out ({status, data}).
// node drive_typescript.cjs FOLDER_OF_NODE_MODULES ENDPOINT TOKEN
const path = require("path");
const readline = require("readline");

const [folder, endpoint, token] = process.argv.slice(2);
const { client } = require(path.join(folder, "node_modules", "@devrev", "typescript-sdk"));
const sdks = { beta: client.setupBeta({ endpoint, token }), public: client.setup({ endpoint, token }) };

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const { sdk, method, args } = JSON.parse(line);
  let answer;
  try {
    const { status, data } = await sdks[sdk][method](...args);
    answer = { status, data };
  } catch (error) {
    answer = { status: error.response?.status ?? 0, data: error.response?.data ?? String(error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
});
