// Writes the README's picture, docs/explorer.png, and, if a folder is given, pictures of the page
// at 390, 768 and 1280 pixels in both color schemes for a visual check:
//
//	node screenshots.js [FOLDER]

import { join } from "node:path";
import { PHONE, launch, visit } from "./browser.js";
import { root, startService } from "./service.js";

const [folder] = process.argv.slice(2);
const service = await startService();
const browser = await launch();

async function take(path, options, sample, fullPage) {
  await visit(browser, `${service.url}#response=${sample}`, options, async (page) => {
    await page.locator("#live").filter({ hasText: /./ }).waitFor({ state: "attached" });
    await page.screenshot({ path, fullPage });
  });
}

await take(join(root, "docs", "explorer.png"), { viewport: { width: 1280, height: 1150 } }, "fields", false);
if (folder) {
  const widths = { 390: { ...PHONE, viewport: { width: 390, height: 844 } }, 768: { viewport: { width: 768, height: 1024 } }, 1280: { viewport: { width: 1280, height: 900 } } };
  for (const [width, options] of Object.entries(widths)) {
    for (const colorScheme of ["light", "dark"]) {
      for (const sample of ["fields", "429", "cloudflare", "reset", "success"]) {
        await take(join(folder, `${width}-${colorScheme}-${sample}.png`), { ...options, colorScheme }, sample, true);
      }
      await take(join(folder, `${width}-${colorScheme}-window.png`), { ...options, colorScheme }, "429", false);
    }
  }
}
await browser.close();
await service.stop();
