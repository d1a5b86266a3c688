/** Everything that can be set of the server, but for what storage is about. */

import { SettingsForm } from "./SettingsForm";
import { STORAGE } from "./Storage";

export default function Server() {
  return <SettingsForm shows={(section) => !STORAGE.includes(section)} />;
}
