// Writes the README's picture, docs/explorer.png, and, if a folder is given, pictures of the page in
// both color schemes and on a phone for a visual check:
//
//	node screenshots.js [FOLDER]

import { join } from "node:path";
import { DARK, DESKTOP, PHONE, launch, visit } from "./browser.js";
import { root, startService } from "./service.js";

const [folder] = process.argv.slice(2);
const service = await startService();
const browser = await launch();

async function take(path, options, sample, fullPage) {
  await visit(browser, service.url, options, async (page) => {
    await page.getByLabel("More responses").selectOption(sample);
    await page.locator("#live").filter({ hasText: /./ }).waitFor({ state: "attached" });
    await page.screenshot({ path, fullPage });
  });
}

await take(join(root, "docs", "explorer.png"), { viewport: { width: 1280, height: 1150 } }, "fields", false);
if (folder) {
  for (const [name, options] of Object.entries({ light: DESKTOP, dark: DARK, phone: PHONE, "phone-dark": { ...PHONE, colorScheme: "dark" } })) {
    for (const sample of ["fields", "429", "cloudflare", "reset", "success"]) {
      await take(join(folder, `${name}-${sample}.png`), options, sample, true);
    }
  }
}
await browser.close();
await service.stop();
