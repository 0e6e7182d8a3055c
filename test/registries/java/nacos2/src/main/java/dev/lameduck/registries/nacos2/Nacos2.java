package dev.lameduck.registries.nacos2;

import com.alibaba.nacos.core.code.ControllerMethodsCache;
import com.alibaba.nacos.plugin.auth.exception.AccessException;
import org.springframework.beans.factory.InitializingBean;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.actuate.autoconfigure.security.servlet.ManagementWebSecurityAutoConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.jdbc.DataSourceAutoConfiguration;
import org.springframework.boot.autoconfigure.security.servlet.SecurityAutoConfiguration;
import org.springframework.boot.web.servlet.ServletComponentScan;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.context.annotation.FilterType;
import org.springframework.context.annotation.Import;
import org.springframework.http.ResponseEntity;
import org.springframework.scheduling.annotation.EnableScheduling;
import org.springframework.web.bind.annotation.ControllerAdvice;
import org.springframework.web.bind.annotation.ExceptionHandler;

/** The Nacos 2 server from its modules; the official start class is in the console, which is not published for this version. */
public final class Nacos2 {
    private Nacos2() {}

    public static void main(String[] args) {
        boolean clustered = System.getProperty("nacos.member.list") != null;
        System.setProperty("nacos.standalone", String.valueOf(!clustered));
        SpringApplication.run(clustered ? Member.class : Alone.class, args);
    }

    /** With the configuration store and its users, in an embedded database. */
    @SpringBootConfiguration
    @EnableAutoConfiguration
    @ComponentScan("com.alibaba.nacos")
    @ServletComponentScan("com.alibaba.nacos")
    @EnableScheduling
    @Import(Denied.class)
    static class Alone {
        @Bean
        InitializingBean controllers(ControllerMethodsCache cache) {
            return () -> know(cache, "core.controller", "naming.controllers", "config.server.controller");
        }
    }

    /** Naming only: several nodes form a cluster without a database, and without users, who are kept in one. */
    @SpringBootConfiguration
    @EnableAutoConfiguration(exclude = {
            DataSourceAutoConfiguration.class, SecurityAutoConfiguration.class, ManagementWebSecurityAutoConfiguration.class})
    @ComponentScan(basePackages = "com.alibaba.nacos", excludeFilters = @ComponentScan.Filter(
            type = FilterType.REGEX, pattern = "com\\.alibaba\\.nacos\\.(config|plugin\\.auth\\.impl)\\..*"))
    @ServletComponentScan({"com.alibaba.nacos.naming", "com.alibaba.nacos.core"})
    @EnableScheduling
    static class Member {
        @Bean
        InitializingBean controllers(ControllerMethodsCache cache) {
            return () -> know(cache, "core.controller", "naming.controllers");
        }
    }

    /**
     * Controllers that the cache does not know answer 501 and are not asked for a login. Those of the login plugin
     * enter themselves.
     */
    private static void know(ControllerMethodsCache cache, String... packages) {
        for (String name : packages) {
            cache.initClassMethod("com.alibaba.nacos." + name);
        }
    }

    /** Says who was refused and why with 403, as the console does. */
    @ControllerAdvice
    static class Denied {
        @ExceptionHandler(AccessException.class)
        ResponseEntity<String> denied(AccessException refusal) {
            return ResponseEntity.status(403).body(refusal.getErrMsg());
        }
    }
}
