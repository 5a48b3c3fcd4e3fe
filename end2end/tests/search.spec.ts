// The search in the top bar, with and without script, and the keys that lead to it and to other things.

import { type Page } from "@playwright/test";
import {
  axeBothThemes,
  enhanced,
  expect,
  fitsWidth,
  freshWithClusters,
  makeLink,
  named,
  open,
  signIn,
  startLink,
  test,
  waitHydrated,
} from "../fixtures.ts";

test.beforeAll(freshWithClusters);

/** What the page of results lists under a heading. */
function hits(page: Page, heading: string) {
  return page.getByRole("region", { name: heading }).getByRole("link");
}

test("links, clusters and topics are found by a part of their names", async ({ page }) => {
  const link = named("found", test.info().project.name);
  await makeLink(link);
  await startLink(link);
  await signIn(page);
  await page.getByRole("searchbox", { name: "Search links, clusters, topics" }).fill(link.slice(0, -2).toUpperCase());
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/search\?q=/);
  await waitHydrated(page);
  await expect(hits(page, "Links")).toHaveText([link]);
  await expect(hits(page, "Topics")).toHaveText([link]);
  await axeBothThemes(page);
  await page.setViewportSize({ width: 360, height: 640 });
  await fitsWidth(page);
  await hits(page, "Topics").click();
  await expect(page).toHaveURL(`/links/${link}/topics?q=${link}&open=${link}`);
  await expect(page.getByRole("heading", { level: 1, name: link })).toBeVisible();
});

test("what nothing holds is answered with the closest names, on a phone too", async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 640 });
  await signIn(page);
  await page.getByRole("link", { name: "Search" }).click();
  await page.waitForURL(/\/search$/);
  await waitHydrated(page);
  await axeBothThemes(page);
  await page.getByLabel("Name", { exact: true }).fill("eastt");
  await page.getByRole("button", { name: "Search" }).click();
  await page.waitForURL(/\/search\?q=eastt/);
  await expect(hits(page, "The closest names")).toHaveText(["east"]);
  await axeBothThemes(page);
});

test("the keys lead to the search from anywhere but a field", async ({ page }) => {
  test.skip(!enhanced(), "without JavaScript there are no keys");
  await signIn(page);
  const search = page.getByRole("searchbox", { name: "Search links, clusters, topics" });
  for (const key of ["/", "Control+k"]) {
    await open(page, "/clusters");
    await page.keyboard.press(key);
    await expect(search).toBeFocused();
    await expect(search).toHaveValue("");
  }
  // Inside a field the sign is written.
  await page.keyboard.type("a/b");
  await expect(search).toHaveValue("a/b");
});

test("a key shows all keys, and another takes the next theme", async ({ page }) => {
  test.skip(!enhanced(), "without JavaScript there are no keys");
  await signIn(page);
  await open(page, "/clusters");
  await page.keyboard.press("?");
  await expect(page.getByRole("heading", { name: "Keys" })).toBeVisible();
  await axeBothThemes(page);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("heading", { name: "Keys" })).toBeHidden();
  for (const theme of ["light", "dark", "system"]) {
    const loaded = page.waitForEvent("load");
    await page.keyboard.press("t");
    await loaded;
    await waitHydrated(page);
    await expect(page).toHaveURL("/clusters");
    await expect(page.locator("html")).toHaveAttribute("data-theme", theme);
  }
});

test("the keys are listed in the account's menu, without script too", async ({ page }) => {
  await signIn(page);
  await page.getByRole("button", { name: /^Account of/ }).click();
  await page.getByRole("button", { name: "Keys" }).click();
  await expect(page.getByText("go to map, links, clusters, events, account")).toBeVisible();
});
