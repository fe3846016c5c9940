import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/** Java's own client as it comes: to an http:// address it offers HTTP/2 by `Connection: Upgrade`.
    Prints the status of each call, a line each. */
class Client {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        URI health = URI.create(arguments[0] + "/health");
        URI signIn = URI.create(arguments[0] + "/auth/signin");
        String body = "{\"email\":\"nobody@example.test\"}";
        for (int call = 0; call < Integer.parseInt(arguments[1]); call++) {
            HttpRequest get = HttpRequest.newBuilder(health)
                .timeout(Duration.ofSeconds(10)).build();
            HttpRequest post = HttpRequest.newBuilder(signIn)
                .timeout(Duration.ofSeconds(10)).header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body)).build();
            System.out.println(client.send(get, HttpResponse.BodyHandlers.ofString()).statusCode());
            System.out.println(client.send(post, HttpResponse.BodyHandlers.ofString()).statusCode());
        }
        System.exit(0);
    }
}
