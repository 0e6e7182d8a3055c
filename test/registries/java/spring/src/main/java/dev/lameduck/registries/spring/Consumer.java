package dev.lameduck.registries.spring;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.http.HttpEntity;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestTemplate;

/** Passes each request on to an instance from the registry, once, and its answer back. */
@RestController
@ConditionalOnProperty("test.upstream")
class Consumer {
    private static final Logger log = LoggerFactory.getLogger(Consumer.class);
    private final RestTemplate http;
    private final String upstream;

    Consumer(RestTemplate http, @Value("${test.upstream}") String upstream) {
        this.http = http;
        this.upstream = "http://" + upstream + "/";
    }

    @RequestMapping("/")
    ResponseEntity<String> pass(HttpMethod method, @RequestHeader("X-Request-Id") String id) {
        HttpHeaders headers = new HttpHeaders();
        headers.set("X-Request-Id", id);
        try {
            String answer = http.exchange(upstream, method, new HttpEntity<>(headers), String.class).getBody();
            return ResponseEntity.ok().contentType(MediaType.APPLICATION_JSON).body(answer);
        } catch (RuntimeException e) {
            log.warn("request {} was lost: {}", id, String.valueOf(e));
            return ResponseEntity.status(502).contentType(MediaType.TEXT_PLAIN).body(String.valueOf(e));
        }
    }
}
