import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.crypto.Ed25519Verifier;
import com.nimbusds.jose.crypto.factories.DefaultJWSVerifierFactory;
import com.nimbusds.jose.jwk.AsymmetricJWK;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKMatcher;
import com.nimbusds.jose.jwk.JWKSelector;
import com.nimbusds.jose.jwk.OctetKeyPair;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.oauth2.sdk.as.AuthorizationServerMetadata;
import com.nimbusds.oauth2.sdk.http.HTTPRequest;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.openid.connect.sdk.op.OIDCProviderMetadata;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Set;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * Usage: Follow ISSUER AUDIENCE [CA_FILE]. For each line with a token prints its subject, or "refused: " and why Nimbus
 * refuses it. The keys are found from the issuer's name.
 */
public class Follow {
  private final JWKSource<SecurityContext> keys;
  private final DefaultJWTClaimsVerifier<SecurityContext> claims;

  Follow(Issuer issuer, String audience) throws Exception {
    var metadata = OIDCProviderMetadata.resolve(issuer);
    var sameKeys = AuthorizationServerMetadata.resolve(issuer).getJWKSetURI();
    if (!metadata.getJWKSetURI().equals(sameKeys)) throw new IllegalStateException("two places of keys");
    keys = JWKSourceBuilder.<SecurityContext>create(metadata.getJWKSetURI().toURL()).build();
    var exact = new JWTClaimsSet.Builder().issuer(metadata.getIssuer().getValue()).build();
    claims = new DefaultJWTClaimsVerifier<>(audience, exact, Set.of("sub", "exp", "iat", "jti", "client_id"));
  }

  String subjectOf(String token) throws Exception {
    var jwt = SignedJWT.parse(token);
    var header = jwt.getHeader();
    var found = keys.get(new JWKSelector(JWKMatcher.forJWSHeader(header)), null);
    if (found.isEmpty()) return "refused: unknown key";
    if (!jwt.verify(verifierOf(found.get(0), jwt))) return "refused: signature";
    claims.verify(jwt.getJWTClaimsSet(), null);
    return jwt.getJWTClaimsSet().getSubject();
  }

  /** The library's own factory knows no EdDSA. */
  private static JWSVerifier verifierOf(JWK key, SignedJWT jwt) throws Exception {
    if (key instanceof OctetKeyPair pair) return new Ed25519Verifier(pair);
    return new DefaultJWSVerifierFactory().createJWSVerifier(jwt.getHeader(), ((AsymmetricJWK) key).toPublicKey());
  }

  /** Takes certificates of this CA, in PEM, and of no other. */
  private static void trust(String caFile) throws Exception {
    var store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null);
    try (var file = Files.newInputStream(Path.of(caFile))) {
      store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    var trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trusted.init(store);
    var context = SSLContext.getInstance("TLS");
    context.init(null, trusted.getTrustManagers(), null);
    HttpsURLConnection.setDefaultSSLSocketFactory(context.getSocketFactory());
    HTTPRequest.setDefaultSSLSocketFactory(context.getSocketFactory());
  }

  public static void main(String[] args) throws Exception {
    if (args.length > 2) trust(args[2]);
    Follow follow = null;
    for (String token : (Iterable<String>) new BufferedReader(new InputStreamReader(System.in)).lines()::iterator) {
      try {
        if (follow == null) follow = new Follow(new Issuer(args[0]), args[1]);
        System.out.println(follow.subjectOf(token));
      } catch (Exception error) {
        System.out.println("refused: " + error.getMessage());
      }
    }
  }
}
