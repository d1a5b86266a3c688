// SDP fragments of trickle ICE (RFC 8840), as WHEP's PATCH carries them (RFC 9725, section 4.3).

const SESSION_LINES = /^a=(ice-ufrag|ice-pwd):/;
const MEDIA_LINES = /^(m=|a=mid:|a=(ice-ufrag|ice-pwd):|a=candidate:|a=end-of-candidates)/;

function lines(sdp: string): string[] {
  return sdp.split(/\r?\n/).filter(Boolean);
}

/** The fragment of the first media section of an offer, to which all others are bundled. */
export function fragmentOf(sdp: string): string {
  const all = lines(sdp);
  const first = all.findIndex((line) => line.startsWith("m="));
  const second = all.findIndex((line, at) => at > first && line.startsWith("m="));
  const head = all.slice(0, first).filter((line) => SESSION_LINES.test(line));
  const media = all.slice(first, second < 0 ? undefined : second).filter((line) => MEDIA_LINES.test(line));
  return `${[...head, ...media].join("\r\n")}\r\n`;
}

/** The remote description with the credentials and candidates of the fragment that answered a restart. */
export function merged(remote: string, fragment: string): string {
  const given = lines(fragment);
  const credentials = given.filter((line) => SESSION_LINES.test(line)).slice(0, 2);
  const candidates = given.filter((line) => line.startsWith("a=candidate:"));
  const result: string[] = [];
  for (const line of lines(remote)) {
    if (SESSION_LINES.test(line) || /^a=(candidate|end-of-candidates)/.test(line)) continue;
    result.push(line);
    if (line.startsWith("a=mid:")) result.push(...credentials, ...candidates);
  }
  return `${result.join("\r\n")}\r\n`;
}

/** The ICE servers of `Link` headers: `<turn:host>; rel="ice-server"; username="u"; credential="c"`. */
export function iceServers(link: string | null): RTCIceServer[] {
  if (!link) return [];
  return link.split(/,\s*(?=<)/).flatMap((entry) => {
    const [, url] = /^\s*<([^>]+)>/.exec(entry) ?? [];
    if (!url || !/rel="?ice-server"?/.test(entry)) return [];
    const value = (name: string) => new RegExp(`${name}="((?:[^"\\\\]|\\\\.)*)"`).exec(entry)?.[1]?.replace(/\\(.)/g, "$1");
    const [username, credential] = [value("username"), value("credential")];
    return [username === undefined ? { urls: url } : { urls: url, username, credential: credential ?? "" }];
  });
}
