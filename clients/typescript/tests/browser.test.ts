// The same in a real browser, from a page of another origin.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { PACKAGE, Server, agent } from "./server.js";

const BROWSER = ["chromium", "chromium-browser", "google-chrome"].find(
  (name) => spawnSync(name, ["--version"]).status === 0,
);
const IMPORTS = {
  "orchestrator-client": "/build/src/index.js",
  "openapi-fetch": "/node_modules/openapi-fetch/dist/index.mjs",
  "eventsource-parser/stream": "/node_modules/eventsource-parser/dist/stream.js",
};
const PAGE = `<!doctype html>
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>
<script type="module">
  import { OrchestratorClient } from "orchestrator-client";
  const found = {};
  try {
    const client = new OrchestratorClient({ url: new URLSearchParams(location.search).get("server"), token: "secret" });
    for (const transport of ["websocket", "events"]) {
      const feed = client.feed({ transport });
      for await (const frame of feed) {
        for (const { id, status } of frame.data.agents) {
          (found[transport] ??= []).push(status);
          if (status === "initializing") await client.updateAgent(id, { status: "planning" });
          else feed.close();
        }
      }
    }
  } catch (error) {
    found.error = String(error);
  }
  await fetch("/found", { method: "POST", body: JSON.stringify(found) });
</script>`;

// Where CI is set, what is missing makes the test fail.
test("in a browser", { skip: !BROWSER && !process.env["CI"] && "there is no Chromium" }, async (t) => {
  const pages = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://page");
    if (request.method === "POST") {
      pages.emit("found", String(Buffer.concat(await request.toArray())));
      response.end();
    } else if (pathname === "/") {
      response.setHeader("Content-Type", "text/html").end(PAGE);
    } else if (/^\/(build|node_modules)\/.*\.m?js$/.test(pathname)) {
      response.setHeader("Content-Type", "text/javascript").end(readFileSync(join(PACKAGE, pathname)));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  const server = await Server.start(t, { API_TOKEN: "secret", CORS_ORIGINS: origin });
  await agent(server.client({ token: "secret" }));

  const profile = mkdtempSync(join(tmpdir(), "orchestrator-client-"));
  const flags = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    `--user-data-dir=${profile}`,
  ];
  const browser = spawn(BROWSER ?? "chromium", [...flags, `${origin}/?server=${server.url}`], {
    stdio: "ignore",
    detached: true,
  });
  const found = once(pages, "found");
  const gone = once(browser, "exit");
  t.after(async () => {
    // With all that it has started.
    if (browser.pid) process.kill(-browser.pid, "SIGKILL");
    await gone;
    pages.closeAllConnections();
    pages.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  const [text] = await Promise.race([found, gone.then(() => assert.fail("the browser has ended"))]);
  assert.deepEqual(JSON.parse(text), { websocket: ["initializing", "planning"], events: ["planning"] });
});
