package dev.lameduck.registries.eureka;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.web.SecurityFilterChain;

/** A Eureka server: open, or behind basic auth when users are given. */
@SpringBootApplication
@EnableEurekaServer
public class Eureka {
    public static void main(String[] args) {
        SpringApplication.run(Eureka.class, args);
    }

    /** Spring Security's default protection from forged requests refuses every PUT, which takes many by surprise. */
    @Bean
    SecurityFilterChain security(HttpSecurity http, @Value("${test.open}") boolean open, @Value("${test.csrf}") boolean csrf)
            throws Exception {
        if (open || !csrf) {
            http.csrf(it -> it.disable());
        }
        if (open) {
            return http.authorizeHttpRequests(it -> it.anyRequest().permitAll()).build();
        }
        return http.authorizeHttpRequests(it -> it.anyRequest().authenticated()).httpBasic(Customizer.withDefaults()).build();
    }
}
