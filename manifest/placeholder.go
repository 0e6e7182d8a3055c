package manifest

import "regexp"

// placeholder is a value that another program puts in later: envsubst and Flux
// (${NAME}, $NAME), templates ({{ }}, <% %>), Octopus (#{name}), sed (__NAME__).
var placeholder = regexp.MustCompile(`\$\{[^}]*\}|^\$[A-Za-z_][A-Za-z0-9_]*$|\{\{.*\}\}|<%.*%>|#\{[^}]*\}|^__[A-Za-z0-9_]+__$`)

// token is a comment to YAML, and a value to the program that replaces it: #{grace}#, #GRACE#.
var token = regexp.MustCompile(`^#+(\{[^}]*\}|[A-Za-z0-9_.-]+#)#*`)

// Unfilled reports whether the value is a placeholder or holds one: what it will
// be is unknown.
func (n *Node) Unfilled() bool {
	return n != nil && n.Kind == Scalar && placeholder.MatchString(n.Value)
}

// Token is the text behind a key that has no value, if it looks like what another program replaces by
// one; "" if it does not.
func (f *File) Token(n *Node) string {
	if n == nil || n.Kind != Null || n.shared || n.keyOff < 0 || int(n.keyOff) >= len(f.Src) {
		return ""
	}
	at := f.colon(n)
	if at < 0 {
		return ""
	}
	rest := f.Src[at+1 : f.lineEnd(at)]
	for i := 1; i < len(rest); i++ {
		if rest[i] == '#' && (rest[i-1] == ' ' || rest[i-1] == '\t') {
			return token.FindString(rest[i:])
		}
	}
	return ""
}

// TokenIn is the first field below a node that has a token for its value, and the token.
func (f *File) TokenIn(n *Node) (field *Node, text string) {
	if text = f.Token(n); text != "" {
		return n, text
	}
	for c := range n.All() {
		if field, text = f.TokenIn(c); text != "" {
			return field, text
		}
	}
	return nil, ""
}

// unfilled reports whether a tree holds what is not known yet, and so must not be written over.
func (f *File) unfilled(n *Node) bool {
	if n.Unfilled() || f.unknown(n) || f.Token(n) != "" {
		return true
	}
	for c := range n.All() {
		if f.unfilled(c) {
			return true
		}
	}
	return false
}
