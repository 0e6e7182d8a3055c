// Command probe is what the cluster's own tests run in pods: an HTTP server, an admission webhook, and small tools.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: probe serve | webhook CERT KEY | say WORD... | lookup NAME")
	}
	switch arguments := os.Args[2:]; os.Args[1] {
	case "serve":
		fmt.Println("probe serves")
		log.Fatal(http.ListenAndServe(":8080", http.HandlerFunc(func(response http.ResponseWriter, _ *http.Request) {
			name, _ := os.Hostname()
			fmt.Fprint(response, name)
		})))
	case "webhook":
		log.Fatal(http.ListenAndServeTLS(":8443", arguments[0], arguments[1], http.HandlerFunc(deny)))
	case "say":
		fmt.Println(strings.Join(arguments, " "))
	case "lookup":
		addresses, err := net.LookupHost(arguments[0])
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(strings.Join(addresses, " "))
	}
}

// deny refuses every admission review.
func deny(response http.ResponseWriter, request *http.Request) {
	var review struct {
		Request struct {
			UID string `json:"uid"`
		} `json:"request"`
	}
	if err := json.NewDecoder(request.Body).Decode(&review); err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	response.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(response).Encode(map[string]any{
		"apiVersion": "admission.k8s.io/v1",
		"kind":       "AdmissionReview",
		"response": map[string]any{
			"uid": review.Request.UID, "allowed": false, "status": map[string]any{"message": "the probe says no"},
		},
	})
}
