// Drives works.* with DevRev's own TypeScript SDK; prints one JSON line per call: [name, status, body].
// node typescript_sdk.js URL TOKEN, in a folder whose node_modules has @devrev/typescript-sdk.
const { client } = require(require.resolve("@devrev/typescript-sdk", { paths: [process.cwd()] }));

const [endpoint, token] = process.argv.slice(2);
const beta = client.setupBeta({ endpoint, token });

async function call(name, promise) {
  const { status, data } = await promise.catch((error) => error.response);
  console.log(JSON.stringify([name, status, data]));
  return data;
}

async function main() {
  const body = { type: "issue", title: "from TypeScript", applies_to_part: "PROD-1", owned_by: ["DEVU-1"] };
  const { work } = await call("create", beta.worksCreate(body));
  await call("get", beta.worksGet({ id: work.display_id }));
  await call("get by post", beta.worksGetPost({ id: work.id }));
  await call("update", beta.worksUpdate({ id: work.id, type: "issue", priority: "p0", owned_by: { set: ["DEVU-2"] } }));
  await call("update without type", beta.worksUpdate({ id: work.id, priority: "p0" }));
  await call("list", beta.worksList({ type: ["issue", "task"], limit: 3, sort_by: ["created_date:asc"] }));
  await call("list by post", beta.worksListPost({ type: ["issue"], limit: 2 }));
  await call("export", beta.worksExport({ type: ["ticket"], "ticket.severity": ["low", "high"], first: 4 }));
  await call("export by post", beta.worksExportPost({ first: 5 }));
  await call("count", beta.worksCountPost({ type: ["issue"] }));
  await call("delete", beta.worksDelete({ id: work.id }));
  await call("get after delete", beta.worksGet({ id: work.id }));
}

main();
