package dev.lameduck.registries.spring;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Map;

/** Does METHOD URL and sleeps for SECONDS, as the preStop hooks that articles print do with curl and a shell. */
public final class Hook {
    private Hook() {}

    public static void main(String[] args) throws Exception {
        String url = args[1];
        for (Map.Entry<String, String> variable : System.getenv().entrySet()) {
            url = url.replace("${" + variable.getKey() + "}", variable.getValue());
        }
        HttpRequest request = HttpRequest.newBuilder(URI.create(url))
                .method(args[0], HttpRequest.BodyPublishers.noBody()).build();
        HttpResponse<String> response = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        System.err.println(args[0] + " " + url + ": " + response.statusCode() + " " + response.body());
        if (response.statusCode() >= 400) {
            System.exit(1);
        }
        Thread.sleep(1000 * Long.parseLong(args[2]));
    }
}
