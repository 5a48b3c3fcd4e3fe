// The least that must be true: the first page a stranger sees.

import { axeBothThemes, control, enhanced, expect, fitsWidth, open, signIn, test } from "../fixtures.ts";

// Other files may have left an administrator of their own.
test.beforeAll(async () => {
  await control.fresh({ admin: true });
});

test("the sign-in page is complete, has its style and hides nothing from a reader", async ({ page }) => {
  await open(page, "/sign-in");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.getByLabel("Password", { exact: true })).toBeVisible();
  await axeBothThemes(page);
  await page.setViewportSize({ width: 360, height: 640 });
  await fitsWidth(page);
});

test("the administrator signs in", async ({ page }) => {
  await signIn(page);
  await expect(page.getByRole("main")).toBeVisible();
});

test("the browser's side comes compressed and may be kept", async ({ page }) => {
  test.skip(!enhanced(), "without JavaScript nothing is loaded");
  const loaded = page.waitForResponse((response) => new URL(response.url()).pathname.endsWith(".wasm"));
  await open(page, "/sign-in");
  const headers = await (await loaded).allHeaders();
  expect(headers["content-type"]).toBe("application/wasm");
  expect(headers["content-encoding"]).toMatch(/^(br|gzip)$/);
});
