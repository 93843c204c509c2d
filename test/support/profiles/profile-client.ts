import { credentials } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import { type Profile, ProfileServiceClient, type ProfileSummary } from "../../../src/gen/signet/v1/profiles.ts";
import { promised, type Service } from "../service/service.ts";

/** A client of the ProfileService, closed when the test is over. Its calls reject with the ServiceError. */
export function createProfileClient(t: Pick<ExecutionContext<unknown>, "teardown">, { app }: Pick<Service, "app">) {
  const client = new ProfileServiceClient(app.addresses.grpc, credentials.createInsecure());
  t.teardown(() => client.close());
  return {
    list: async (): Promise<ProfileSummary[]> => (await promised(client.listProfiles.bind(client), {})).profiles,
    get: async (profile: string): Promise<Profile | undefined> =>
      (await promised(client.getProfile.bind(client), { profile })).profile,
  };
}

/** One profile of the service, by a client of its own. */
export async function getProfile({ app }: Pick<Service, "app">, name: string): Promise<Profile> {
  const client = new ProfileServiceClient(app.addresses.grpc, credentials.createInsecure());
  try {
    const { profile } = await promised(client.getProfile.bind(client), { profile: name });
    if (profile === undefined) throw new Error(`the answer for ${name} holds no profile`);
    return profile;
  } finally {
    client.close();
  }
}
