// Each control does what it says, and the API agrees.

import assert from "node:assert/strict";
import { api, healthy, open, settled, shoot, step, until } from "./kit.mjs";

/** A name that is markup: it must be text wherever it is shown. */
export const HOSTILE = "<img src=x onerror=\"window.hacked=1\">";

async function hostileNames(view, { url }) {
  const { page } = view;
  const streams = (await api(url).get("/v2/streams")).body.streams;
  const hostile = streams.find((one) => one.name === HOSTILE);
  assert.ok(hostile, "the test has a camera with that name");
  for (const path of ["/", "/devices", `/devices/${hostile.device_id}`, "/live", `/recordings/${hostile.id}`]) {
    await page.goto(new URL(path, url).href);
    await settled(page);
    await page.getByText(HOSTILE, { exact: false }).first().waitFor();
    assert.equal(await page.evaluate(() => window.hacked), undefined, path);
    assert.equal(await page.locator("img[src=x]").count(), 0, path);
  }
}

async function addCamera(view, { url, camera }) {
  const { page } = view;
  await page.goto(new URL("/devices?add=1", url).href);
  await page.getByLabel("RTSP address").fill(camera);
  await page.getByRole("button", { name: "Check" }).click();
  await page.getByLabel("Name", { exact: true }).waitFor();
  await page.getByText(/H264/).first().waitFor();
  await page.getByLabel("Name", { exact: true }).fill("Back door");
  await page.getByRole("textbox", { name: "Place" }).fill("Yard");
  await page.getByRole("button", { name: "Save and start" }).click();
  await page.getByRole("img", { name: "Picture of Back door" }).waitFor();
  const devices = (await api(url).get("/api/v1/devices")).body;
  const added = devices.find((one) => one.name === "Back door");
  assert.equal(added.location, "Yard");
  return added.id;
}

async function useDevice(view, { url }, device) {
  const { page } = view;
  const server = api(url);
  const is = async (what, ask) => until(what, async () => ask((await server.get(`/api/v1/devices/${device}`)).body));
  await page.goto(new URL(`/devices/${device}`, url).href);
  await settled(page);
  const drawer = page.getByRole("dialog");
  await drawer.getByRole("button", { name: "Edit" }).click();
  await drawer.getByLabel("Name", { exact: true }).fill("Back gate");
  await drawer.getByRole("button", { name: "Save" }).click();
  await is("the new name", (one) => one.name === "Back gate");
  await page.getByRole("heading", { name: "Back gate" }).waitFor();

  await drawer.getByRole("button", { name: "Stop", exact: true }).click();
  await is("stopped", (one) => !one.is_active);
  await drawer.getByRole("button", { name: "Start", exact: true }).click();
  await is("started", (one) => one.is_active);

  const wasOn = (await server.get(`/api/v1/devices/${device}`)).body.recording.active;
  await drawer.getByRole("button", { name: wasOn ? "Stop recording" : "Record" }).click();
  await is("recording switched", (one) => one.recording.active !== wasOn);
  await drawer.getByRole("button", { name: wasOn ? "Record" : "Stop recording" }).click();
  await is("recording switched back", (one) => one.recording.active === wasOn);

  await drawer.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog", { name: /Delete Back gate/ }).getByRole("button", { name: "Delete" }).click();
  await until("deleted", async () => (await server.get(`/api/v1/devices/${device}`)).status === 404);
}

async function filterDevices(view, { url }) {
  const { page } = view;
  await page.goto(new URL("/devices", url).href);
  await settled(page);
  const rows = page.locator("[data-device-id]");
  const all = await rows.count();
  await page.getByRole("searchbox").fill("Gate");
  await until("filtered", async () => (await rows.count()) === 1);
  assert.match(page.url(), /q=Gate/);
  await page.getByRole("searchbox").fill("");
  await until("all again", async () => (await rows.count()) === all);
  await page.getByRole("button", { name: "Name" }).click();
  assert.match(page.url(), /dir=down/);
  const names = await rows.locator("a").allTextContents();
  assert.deepEqual(names, [...names].sort((a, b) => b.localeCompare(a, undefined, { numeric: true, sensitivity: "base" })));
}

/** Does something with each of many, a few at a time. */
async function eachOf(items, work) {
  const waiting = [...items];
  const results = [];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) results.push(await work(item));
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  return results;
}

/** Hundreds of rows: few exist, the last is reached. */
async function manyDevices(view, { url }) {
  const { page } = view;
  const server = api(url);
  const made = await eachOf(Array.from({ length: 500 }, (_, place) => place), async (place) => {
    const body = { name: `Many ${String(place).padStart(3, "0")}`, rtsp_url: `rtsp://127.0.0.1:9/many/${place}` };
    const added = await server.post("/api/v1/devices", body);
    assert.equal(added.status, 201, JSON.stringify(added.body));
    return added.body.id;
  });
  await page.goto(new URL("/devices?q=Many", url).href);
  await settled(page);
  await page.getByText("500 cameras").waitFor();
  assert.ok((await page.locator("[data-device-id]").count()) < 80, "only rows in view are made");
  const longest = await page.evaluate(async () => {
    let longest = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => (longest = Math.max(longest, entry.duration)))).observe({ type: "longtask" });
    const scroller = [...document.querySelectorAll("[role=rowgroup]")].at(-1);
    for (let place = 0; place < scroller.scrollHeight; place += 400) {
      scroller.scrollTop = place;
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    scroller.scrollTop = scroller.scrollHeight;
    return longest;
  });
  console.log(`   longest task while 500 rows scroll by: ${Math.round(longest)} ms`);
  await page.getByText("Many 499").waitFor();
  await eachOf(made, async (id) => assert.equal((await server.delete(`/api/v1/devices/${id}`)).status, 204));
}

async function bookmarks(view, { url }) {
  const { page } = view;
  const server = api(url);
  const stream = (await server.get("/v2/streams?state=LIVE")).body.streams[0];
  const made = await server.post(`/v2/streams/${stream.id}/bookmarks`, { source: "live", before_seconds: 1, after_seconds: 1, label: HOSTILE, tags: ["first"] });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { id } = made.body;
  await page.goto(new URL("/bookmarks", url).href);
  await settled(page);
  await page.locator(`[data-id="${id}"] button`).click();
  const drawer = page.getByRole("dialog");
  await drawer.getByLabel("Label").waitFor();
  await until("the clip", async () => (await server.get(`/v2/bookmarks/${id}`)).body.status === "ready");
  await drawer.locator("video").waitFor();
  await drawer.getByLabel("Label").fill("Delivery");
  await drawer.getByLabel("Tags").fill("first, second");
  await drawer.getByRole("button", { name: "Save" }).click();
  const changed = await until("changed", async () => {
    const one = (await server.get(`/v2/bookmarks/${id}`)).body;
    return one.label === "Delivery" && one;
  });
  assert.deepEqual(changed.tags, ["first", "second"]);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  await page.keyboard.press("Escape");
  await page.locator(`[data-id="${id}"] input`).check({ force: true });
  await page.getByRole("toolbar").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await until("deleted", async () => (await server.get(`/v2/bookmarks/${id}`)).status === 404);
}

async function snapshots(view, { url }) {
  const { page } = view;
  const server = api(url);
  const stream = (await server.get("/v2/streams?state=LIVE")).body.streams[0];
  const { id } = (await server.post(`/v2/streams/${stream.id}/snapshots`, { source: "live" })).body;
  await until("the picture", async () => (await server.get(`/v2/snapshots/${id}`)).body.status === "ready");
  await page.goto(new URL(`/snapshots?id=${id}`, url).href);
  const drawer = page.getByRole("dialog");
  await drawer.locator("img").waitFor();
  await until("it is shown", () => drawer.locator("img").evaluate((image) => image.naturalWidth > 0));
  await drawer.getByRole("button", { name: "Delete" }).click();
  await until("deleted", async () => (await server.get(`/v2/snapshots/${id}`)).status === 404);
}

async function shell(view, { url }) {
  const { page } = view;
  const server = api(url);
  await page.goto(url);
  await settled(page);
  // The palette, by keys alone.
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill("Yard 10 min ago");
  await page.getByRole("option").first().waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/recordings\/[0-9a-f-]+\?t=\d+/);
  await page.keyboard.press("g");
  await page.keyboard.press("d");
  await page.waitForURL((to) => to.pathname === "/");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");

  // The theme is the account's: it holds in another browser.
  await page.goto(new URL("/settings/profile", url).href);
  await settled(page);
  await page.getByRole("button", { name: /Theme/ }).click();
  await page.getByRole("option", { name: "Light" }).click();
  await until("kept", async () => (await server.get("/v2/ui/preferences")).body.theme === "light");
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  await until("still light", () => page.evaluate(() => document.documentElement.dataset.theme === "light"));
  await page.getByRole("button", { name: /Theme/ }).click();
  await page.getByRole("option", { name: "As the system" }).click();
  await until("kept", async () => (await server.get("/v2/ui/preferences")).body.theme === "system");

  for (const [name, word] of [["Deutsch", "Einstellungen"], ["中文", "设置"], ["English", "Settings"]]) {
    await page.locator("form, main").getByRole("button", { name: /English|Deutsch|中文/ }).first().click();
    await page.getByRole("option", { name }).click();
    await page.getByRole("heading", { name: word, level: 1 }).waitFor();
  }
}

/** Tiles tell that a camera has gone, and come back alone. */
async function liveTiles(view, { url, shots }) {
  const { page } = view;
  await page.goto(new URL("/live", url).href);
  await settled(page);
  const moving = () => page.evaluate(() => [...document.querySelectorAll("video")].filter((video) => video.readyState >= 2 && !video.paused && video.currentTime > 1).length);
  const shown = await page.locator("video").count();
  assert.ok(shown >= 2, `${shown} tiles`);
  await until("every tile plays", async () => (await moving()) >= Math.min(2, shown));
  await shoot(page, shots, "live-playing");
}

export async function walkActs(browser, setup) {
  const view = await open(browser, "dark");
  // Deleted things are asked for once more, and are not there.
  view.expected.push(/status of 404/, /status of 409/);
  await step("names are text", () => hostileNames(view, setup));
  const device = await step("a camera is added", () => addCamera(view, setup));
  await step("a camera is used", () => useDevice(view, setup, device));
  await step("devices are filtered and sorted", () => filterDevices(view, setup));
  await step("five hundred devices scroll", () => manyDevices(view, setup));
  await step("bookmarks", () => bookmarks(view, setup));
  await step("snapshots", () => snapshots(view, setup));
  await step("palette, keys, theme, language", () => shell(view, setup));
  await step("live tiles", () => liveTiles(view, setup));
  await healthy(view, "after all that");
  await view.context.close();
}
