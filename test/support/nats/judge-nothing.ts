import type { JudgeSettings } from "../../../src/nats/settings.ts";

/** For negative controls: every setting is as good as any other. */
export const judgeNothing: JudgeSettings = () => ({ refused: [], alarms: [] });
