/** The page's one feed of events, and its state as a signal. */

import { createSignal } from "solid-js";
import { EventFeed, type EventsState } from "./event-feed";
import { withQuery } from "./client";

export const events = new EventFeed({
  connect: (since) => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    return new WebSocket(`${scheme}//${location.host}${withQuery("/ws/events", { since })}`) as never;
  },
  later: (run, ms) => window.setTimeout(run, ms),
  cancel: (timer) => window.clearTimeout(timer),
  random: Math.random,
});

const [state, setState] = createSignal<EventsState>("connecting");
events.onState(setState);

/** Whether events come: "down" after 5 s without a connection. */
export const eventsState = state;
