// Every page in both themes and on a phone: no error, no violation, and a picture of it.

import { api, healthy, MODES, open, settled, shoot, step } from "./kit.mjs";

/** Name of the picture, and address; `stream` and `device` are put in. */
function routes({ stream, device }) {
  return [
    ["dashboard", "/"],
    ["live", "/live"],
    ["recordings", `/recordings/${stream}`],
    ["bookmarks", "/bookmarks"],
    ["snapshots", "/snapshots"],
    ["devices", "/devices"],
    ["device", `/devices/${device}`],
    ["add-camera", "/devices?add=1"],
    ["analytics", "/analytics?range=1h"],
    ["analytics-camera", `/analytics?range=1h&camera=${stream}`],
    ["settings-profile", "/settings/profile"],
    ["settings-storage", "/settings/storage"],
    ["settings-users", "/settings/users"],
    ["settings-clients", "/settings/clients"],
    ["settings-audit", "/settings/audit"],
    ["settings-server", "/settings/server"],
    ["not-found", "/no/such/page"],
    ["sign-in", "/sign-in"],
  ];
}

export async function walkPages(browser, { url, shots }) {
  const streams = (await api(url).get("/v2/streams")).body.streams;
  const first = streams.find((one) => one.state === "LIVE") ?? streams[0];
  const failures = [];
  for (const mode of Object.keys(MODES)) {
    const view = await open(browser, mode);
    // An address that is no page of the dashboard is opened from within it: the server knows none of that name.
    for (const [name, path] of routes({ stream: first.id, device: first.device_id })) {
      await step(`${name}, ${mode}`, async () => {
        if (name === "not-found") {
          await view.page.goto(url);
          await view.page.evaluate((to) => { history.pushState({}, "", to); dispatchEvent(new PopStateEvent("popstate")); }, path);
        } else await view.page.goto(new URL(path, url).href);
        await settled(view.page);
        await view.page.waitForTimeout(name === "live" || name === "recordings" || name === "dashboard" ? 3_000 : 500);
        await shoot(view.page, shots, `${name}-${mode}`);
        await healthy(view, `${name}, ${mode}`);
      }).catch((error) => {
        // All that is wrong is worth knowing, not the first alone.
        failures.push(error.message);
        view.errors.length = 0;
      });
    }
    await view.context.close();
  }
  if (failures.length > 0) throw new Error(failures.join("\n\n"));
}
