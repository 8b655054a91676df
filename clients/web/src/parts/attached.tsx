/** The files that stand with a post or a message: what they are is asked for when the text is shown. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { feed } from "../api/calls.ts";
import type { File as GroupFile } from "../gen/regard/feed/v1/feed_pb.ts";
import { FileLine } from "./file.tsx";
import { Refused } from "./states.tsx";

/** Most files in one call. */
const MOST = 100;

export function Attached({ groupId, ids }: { groupId: string; ids: string[] }) {
  const { t } = useLingui();
  const read = useQuery({ queryKey: ["attached", groupId, ids], queryFn: () => ask(groupId, ids), enabled: ids.length > 0 });
  if (ids.length === 0) return null;
  if (read.error) return <Refused error={read.error} retry={() => void read.refetch()} />;
  return (
    <ul className="files attached" aria-label={t`Files attached`}>
      {ids.map((id) => (
        <li key={id}>
          {!read.data ? (
            <p className="quiet">…</p>
          ) : read.data.has(id) ? (
            <FileLine file={read.data.get(id)!} />
          ) : (
            <p className="quiet">
              (<Trans>a file that you cannot see</Trans>)
            </p>
          )}
        </li>
      ))}
    </ul>
  );
}

type Waiting = { ids: Set<string>; answer: Promise<Map<string, GroupFile>> };
const waiting = new Map<string, Waiting>();

/** One call for all the texts of a group that are shown at once. */
function ask(groupId: string, ids: string[]): Promise<Map<string, GroupFile>> {
  const room = waiting.get(groupId);
  if (room && room.ids.size + ids.length <= MOST) {
    for (const id of ids) room.ids.add(id);
    return room.answer;
  }
  const asked = new Set(ids);
  const answer = new Promise((soon) => setTimeout(soon)).then(async () => {
    if (waiting.get(groupId)?.ids === asked) waiting.delete(groupId);
    const found = await feed.batchGetFiles({ groupId, fileIds: [...asked] });
    return new Map(found.files.map((file) => [file.id, file]));
  });
  waiting.set(groupId, { ids: asked, answer });
  return answer;
}
