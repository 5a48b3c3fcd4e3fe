// What a stream does to an open page: rows that stay under pointer and focus, changes that are spoken, and how it ends.

import { type Page } from "@playwright/test";
import {
  api,
  control,
  enhanced,
  expect,
  freshWithClusters,
  live,
  makeLink,
  named,
  open,
  signIn,
  startLink,
  test,
  world,
} from "../fixtures.ts";

test.beforeAll(freshWithClusters);

test.beforeEach(() => test.skip(!enhanced(), "Without scripts there are no streams."));

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

/** The names of the rows, from top to bottom. */
function rows(page: Page) {
  return page.locator("main table .row-link");
}

test("rows stay where they are while the focus is on one, whatever the pointer does", async ({ page }) => {
  const names = ["first", "second", "third"].map((stem) => named(`steady-${stem}`, test.info().project.name));
  for (const name of names) {
    await makeLink(name);
  }
  await signIn(page);
  await open(page, "/");
  await expect(live(page)).toHaveText("live");
  const ours = rows(page).filter({ hasText: "steady-" });
  await expect(ours).toHaveText(names);
  await ours.first().focus();
  await ours.nth(1).hover();
  await page.locator("h1").hover();
  // What moves comes first: without a hand it would go to the top.
  await api("POST", `links/${names[2]}/start`);
  await expect(page.getByRole("button", { name: /press \. to apply/ })).toBeVisible();
  await expect(ours).toHaveText(names);
  // From one row to another the focus stays among them.
  await page.keyboard.press("j");
  await expect(ours.nth(1)).toBeFocused();
  await expect(ours).toHaveText(names);
  await page.keyboard.press(".");
  await expect(ours).toHaveText([names[2], names[0], names[1]].map(String));
  await expect(page.getByRole("button", { name: /press \. to apply/ })).toHaveCount(0);
  await api("POST", `links/${names[2]}/stop`);
});

test("a change of state is spoken, numbers are not", async ({ page }) => {
  const link = named("spoken", test.info().project.name);
  await makeLink(link);
  await startLink(link);
  await signIn(page);
  await open(page, `/links/${link}`);
  await expect(live(page)).toHaveText("live");
  const spoken = page.locator("#news");
  await control.produce("east", link, 100);
  await expect(spoken).toHaveText("");
  await api("POST", `links/${link}/pause`);
  await expect(spoken).toHaveText(`${link}: paused.`);
});
