// Screenshots of the pages while a link is at work: `cargo xtask shots`. With `CAUSEWAY_SHOTS_AFTER_S` the link works for so
// many seconds first, so that charts have something to show.

import { expect, open, shot, signIn, test } from "../fixtures.ts";

/** Name of the screenshot, and address. */
const PAGES: [name: string, path: string][] = [
  ["overview", "/"],
  ["links", "/links"],
  ["link", "/links/east-west"],
  ["link-topics", "/links/east-west/topics"],
  ["link-config", "/links/east-west/config"],
  ["link-events", "/links/east-west/events"],
  ["link-findings", "/links/east-west/findings"],
  ["search", "/search?q=o"],
  ["clusters", "/clusters"],
  ["cluster", "/clusters/east"],
  ["cluster-new", "/clusters/new"],
  ["events", "/events"],
  ["account", "/account"],
];

test.beforeAll(async () => {
  const seconds = Number(process.env["CAUSEWAY_SHOTS_AFTER_S"] ?? "0");
  test.setTimeout(seconds * 1_000 + 30_000);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
});

test("sign-in", async ({ page }) => {
  await open(page, "/sign-in");
  await shot(page, "sign-in");
});

for (const [name, path] of PAGES) {
  test(name, async ({ page }) => {
    await signIn(page);
    await open(page, path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await shot(page, name);
  });
}

test("not-found", async ({ page, faults }) => {
  faults.expected(/status of 404/);
  await signIn(page);
  await open(page, "/nowhere");
  await shot(page, "not-found");
});

test("wizard", async ({ page }) => {
  await signIn(page);
  // Stores a draft and goes to its first step.
  await open(page, "/links/new");
  await shot(page, "wizard-source");
});
