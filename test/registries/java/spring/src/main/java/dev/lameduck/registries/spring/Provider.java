package dev.lameduck.registries.spring;

import java.util.Map;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.availability.AvailabilityChangeEvent;
import org.springframework.boot.availability.LivenessState;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.ApplicationContext;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Works for a while, then says which request it answered and who it is. */
@RestController
@ConditionalOnProperty(name = "test.upstream", havingValue = "false", matchIfMissing = true)
class Provider {
    private final Ledger ledger = new Ledger();
    private final ApplicationContext context;
    private final String pod;
    private final long work;

    Provider(ApplicationContext context, @Value("${pod.name:unknown}") String pod, @Value("${test.work:50}") long work) {
        this.context = context;
        this.pod = pod;
        this.work = work;
    }

    @RequestMapping("/")
    Map<String, Object> answer(@RequestHeader("X-Request-Id") String id) throws InterruptedException {
        ledger.write("received", id);
        Thread.sleep(work);
        ledger.write("applied", id);
        return Map.of("id", id, "pod", pod, "ledger", true);
    }

    /** From now on liveness fails: the container is to be started anew. */
    @RequestMapping("/break")
    void breakLiveness() {
        AvailabilityChangeEvent.publish(context, LivenessState.BROKEN);
    }

    /** Ends the process as a SIGKILL does: nothing is told to the registry. */
    @RequestMapping("/halt")
    void halt() {
        Runtime.getRuntime().halt(137);
    }
}
