package dev.lameduck.registries.dubbo;

/** What the provider serves. */
public interface Orders {
    /** Works for a while and answers with JSON: the request's id and the provider's pod. */
    String order(String id);
}
