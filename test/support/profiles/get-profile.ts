import { credentials } from "@grpc/grpc-js";
import { type Profile, ProfileServiceClient } from "../../../src/gen/signet/v1/profiles.ts";
import { promised, type Service } from "../service/service.ts";

/** What the service says of a profile. */
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
