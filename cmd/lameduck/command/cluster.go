package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// findCluster reads the kubeconfig, or what a pod knows of its own cluster, and gives the namespace
// that commands are about unless they name one. Empty arguments mean kubectl's defaults.
func findCluster(kubeconfig, contextName string) (config *rest.Config, namespace string, err error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: contextName})
	config, err = loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		for _, path := range rules.Precedence {
			if _, statErr := os.Stat(path); kubeconfig == "" && os.Getenv(clientcmd.RecommendedConfigPathEnvVar) != "" && errors.Is(statErr, fs.ErrNotExist) {
				return nil, "", fmt.Errorf("finding the cluster: %s names %s, which does not exist", clientcmd.RecommendedConfigPathEnvVar, path)
			}
		}
		return nil, "", errors.New("finding the cluster: there is no kubeconfig, and this is not a pod in a cluster: give --kubeconfig, or set KUBECONFIG")
	}
	if err != nil {
		return nil, "", fmt.Errorf("finding the cluster: %w", err)
	}
	if namespace, _, err = loader.Namespace(); err != nil {
		return nil, "", fmt.Errorf("finding the namespace: %w", err)
	}
	return config, namespace, nil
}
