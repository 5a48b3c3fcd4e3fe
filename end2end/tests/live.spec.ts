// How the stream of a page ends: the page is gone, or the person has too many.

import { type Page } from "@playwright/test";
import {
  control,
  enhanced,
  expect,
  freshWithClusters,
  makeLink,
  named,
  open,
  signIn,
  test,
  world,
} from "../fixtures.ts";

test.beforeAll(freshWithClusters);

test.beforeEach(() => test.skip(!enhanced(), "Without scripts there are no streams."));

/** The live indicator's word. */
function live(page: Page) {
  return page.locator(".live-word");
}

/** Notes the addresses of the streams that a page opens. */
function streams(page: Page): string[] {
  const opened: string[] = [];
  page.on("request", (request) => {
    if (request.url().startsWith(`${world.url}/live`)) {
      opened.push(request.url());
    }
  });
  return opened;
}

async function remove(path: string): Promise<void> {
  const { url, token } = await control.facts();
  const answer = await fetch(`${url}/api/v1/${path}`, {
    method: "DELETE",
    headers: { Authorization: `Bearer ${token}`, "If-Match": '"1"' },
  });
  expect(answer.status).toBe(204);
}

test("the page of a link that is deleted elsewhere says so and asks no more", async ({ page, faults }) => {
  faults.expected(/404 \(Not Found\)/);
  const link = named("deleted", test.info().project.name);
  await makeLink(link);
  await signIn(page);
  await open(page, `/links/${link}`);
  await expect(live(page)).toHaveText("live");
  const opened = streams(page);
  await remove(`links/${link}?confirm=${link}`);
  await expect(page.getByRole("heading", { name: `There is no link ${link}` })).toBeVisible();
  await expect(live(page)).toHaveText("off");
  expect(opened).toEqual([]);
});

test("a form whose test is gone keeps what was typed", async ({ page }) => {
  await signIn(page);
  await open(page, "/clusters/new");
  await expect(live(page)).toHaveText("live");
  await page.getByLabel("Title").fill("typed and not sent");
  const draft = page.url().split("/").at(-1);
  const other = await page.context().newPage();
  await open(other, `/clusters/new/${draft}`);
  await other.getByRole("button", { name: "Discard" }).click();
  await expect(other).toHaveURL(`${world.url}/clusters`);
  await expect(live(page)).toHaveText("off");
  await expect(page.getByLabel("Title")).toHaveValue("typed and not sent");
});

/** Holds streams of a person until all twenty places are taken; one that a page has left is free within seconds. */
async function takeAllPlaces(cookie: string, signal: AbortSignal): Promise<ReadableStreamDefaultReader[]> {
  const held: ReadableStreamDefaultReader[] = [];
  while (held.length < 20) {
    const stream = await fetch(`${world.url}/live?page=/clusters`, { headers: { cookie }, signal });
    const reader = stream.body!.getReader();
    const first = new TextDecoder().decode((await reader.read()).value);
    if (first.startsWith("event: snapshot")) {
      held.push(reader);
    } else {
      expect(first).toContain("data: full");
    }
  }
  return held;
}

test("one page too many says that its numbers stand still, and goes on when there is room", async ({ page }) => {
  test.setTimeout(90_000);
  await signIn(page);
  // A page without live numbers.
  await open(page, "/account");
  const cookies = await page.context().cookies();
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  const room = new AbortController();
  const held = await takeAllPlaces(cookie, room.signal);
  await open(page, "/clusters");
  await expect(live(page)).toHaveText("off");
  expect(held).toHaveLength(20);
  room.abort();
  await expect(live(page)).toHaveText("live", { timeout: 40_000 });
});
