// The service under test: a sandbox on free ports, built from this repository.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");

// startService resolves to the page's URL and a function that stops the service.
export async function startService() {
  const folder = mkdtempSync(join(tmpdir(), "pelcro-grpc-explorer-"));
  const binary = join(folder, "pelcro-grpc");
  execFileSync("go", ["build", "-o", binary, "./cmd/pelcro-grpc"], { cwd: root, stdio: "inherit" });
  const service = spawn(binary, ["serve", "--sandbox", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log-format=json"]);
  const ended = new Promise((resolve) => service.once("exit", resolve));
  const admin = await new Promise((resolve, reject) => {
    let output = "";
    service.stderr.on("data", (chunk) => {
      output += chunk;
      const serving = output.match(/"msg":"serving".*?"admin":"([^"]+)"/);
      if (serving) resolve(serving[1]);
    });
    service.once("exit", (code) => reject(new Error(`the service ended with ${code}: ${output}`)));
  });
  return {
    admin,
    url: `http://${admin}/`,
    async stop() {
      service.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}
