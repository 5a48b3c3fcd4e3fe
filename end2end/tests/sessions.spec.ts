// Sessions that end in the middle of work, and attempts to guess a password.

import { type Page } from "@playwright/test";
import {
  beginLink,
  enhanced,
  expect,
  fillRow,
  freshWithClusters,
  go,
  makeLink,
  named,
  open,
  signIn,
  signInHere,
  test,
  waitHydrated,
} from "../fixtures.ts";

test.beforeAll(freshWithClusters);

/** Ends all sessions but one's own, on the page of the account. */
async function endOthers(page: Page): Promise<void> {
  await open(page, "/account");
  const others = page.locator("table.sessions tbody tr").filter({ hasNotText: "this one" });
  // Ends when only the page's own session is left.
  while ((await others.count()) > 0) {
    await others.first().getByRole("button", { name: "End this session" }).click();
    await page.waitForURL(/done=session/);
    await open(page, "/account");
  }
}

test("a session that is ended elsewhere leads to the sign-in and back to where one was", async ({ page, another }) => {
  const link = named("watched", test.info().project.name);
  await makeLink(link);
  await signIn(page);
  const other = await another();
  await signIn(other);
  const place = `/links/${link}/topics?q=orders`;
  await open(page, place);
  await endOthers(other);
  if (!enhanced()) {
    await page.reload();
  }
  // With JavaScript the open page notices by itself.
  await page.waitForURL(/\/sign-in\?ended=1&next=/, { timeout: 15_000 });
  await expect(page.getByText("Your session has ended")).toBeVisible();
  await signInHere(page);
  await expect(page).toHaveURL(place);
  await expect(page.getByRole("heading", { level: 1, name: link })).toBeVisible();
});

test("a button pressed after the end of the session changes nothing and leads to the sign-in", async ({
  page,
  another,
  faults,
}) => {
  // The press is answered with the reason, and the page goes on to the sign-in.
  faults.expected(/status of 401/);
  const link = named("pressed", test.info().project.name);
  await makeLink(link);
  await signIn(page);
  const other = await another();
  await signIn(other);
  await open(page, `/links/${link}/delete`);
  await page.getByLabel(/name/i).first().fill(link);
  await endOthers(other);
  if (!page.url().includes("/sign-in")) {
    await page.getByRole("button", { name: /Delete/ }).click();
  }
  await page.waitForURL(/\/sign-in\?ended=1&next=/);
  await signInHere(page);
  await expect(page).toHaveURL(new RegExp(`/links/${link}`));
  await expect(page.getByRole("heading", { level: 1 })).toContainText(link);
});

test("a form begun before the session ended is there after the next sign-in", async ({ page, another }) => {
  await signIn(page);
  const other = await another();
  await signIn(other);
  await beginLink(page);
  await fillRow(page, 1, "prefix", "orders-");
  await go(page, "Continue");
  const options = page.url();
  await page.getByLabel("Title", { exact: true }).fill("typed before the end");
  await endOthers(other);
  await page.getByRole("button", { name: "Continue", exact: true }).first().click();
  await page.waitForURL(/\/sign-in\?ended=1&next=/);
  await signInHere(page);
  // The step that was sent is open again; what was saved before is there.
  await expect(page).toHaveURL(options);
  await open(page, options.replace("/options", "/topics"));
  await expect(page.getByLabel("Row 1: name, prefix or pattern")).toHaveValue("orders-");
  await expect(page.getByLabel("Row 1: kind")).toHaveValue("prefix");
});

test("after five wrong passwords the wait is told, and the name stays in the form", async ({ page, faults }) => {
  // Refusals are answered with their own status.
  faults.expected(/status of (401|429)/);
  await open(page, "/sign-in");
  for (let attempt = 0; attempt < 5; attempt++) {
    await page.getByLabel("Name", { exact: true }).fill("nobody-of-here");
    await page.getByLabel("Password", { exact: true }).fill(`guess ${attempt}`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByText("Name or password is wrong.")).toBeVisible();
    await waitHydrated(page);
  }
  await page.getByLabel("Password", { exact: true }).fill("guess again");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("Too many attempts failed.")).toBeVisible();
  await expect(page.getByText(/Try again in \d+ s\./)).toBeVisible();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("nobody-of-here");
});
