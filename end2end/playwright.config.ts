// Browser tests of the console. `cargo xtask browser` starts what they need and sets the environment; see world.ts.

import { join } from "node:path";
import { defineConfig, devices } from "@playwright/test";
import { target, world } from "./world.ts";

/** As root, as CI often is, Chromium has no sandbox; the other flags keep it from calling home. */
const flags = [
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const chrome = {
  ...devices["Desktop Chrome"],
  viewport: { width: 1440, height: 900 },
  launchOptions: { executablePath: process.env.CAUSEWAY_CHROMIUM ?? "/usr/bin/chromium", args: flags },
};

const tests = [
  { name: "enhanced", testDir: "tests", use: chrome },
  { name: "no-js", testDir: "tests", use: { ...chrome, javaScriptEnabled: false } },
];
const shots = [{ name: "shots", testDir: "shots", use: chrome }];

export default defineConfig({
  projects: process.env.CAUSEWAY_SHOTS ? shots : tests,
  outputDir: join(target, "browser-results"),
  // One after the other, and never twice: tests share the clusters and Causeway, and a test that passes at the second
  // try has shown a fault.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  forbidOnly: Boolean(process.env.CI),
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"], ["html", { outputFolder: join(target, "browser-report"), open: "never" }]],
  use: {
    baseURL: world.url,
    locale: "en-GB",
    timezoneId: "UTC",
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
  },
});
