// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// difference is a kind of request that a signer signs otherwise than we verify it, or not at all.
type difference struct {
	signer string
	// does says what the signer does.
	does string
	// section decides. It makes the signer wrong; where it says so, nobody is.
	section string
	when    func(r *request) bool
}

// differences is the whole table. By it, we are wrong nowhere.
var differences = []difference{
	{oauthlib, "drops a semicolon at the end of the path", "RFC 5849 §3.4.1.2: the path as it is sent", (*request).endsWithSemicolon},
	{oauthlib, "decodes protocol parameters of form and query twice", "RFC 5849 §3.4.1.3.1: each is decoded once", func(r *request) bool {
		return r.anyOutsideHeader(func(value string) bool { return escaped.MatchString(value) })
	}},

	{rubyOAuth, "does not know HMAC-SHA256 (versions before 1.0)", "nobody is wrong: RFC 5849 §3.4 leaves the choice of methods open", func(r *request) bool {
		return r.SignatureMethod == oauth1.HMACSHA256
	}},
	{rubyOAuth, "signs the form of POST and PUT alone", "RFC 5849 §3.4.1.3.1: a form counts whatever the method is", func(r *request) bool {
		return r.Form && r.Method != "POST" && r.Method != "PUT"
	}},
	{rubyOAuth, "takes a semicolon for an ampersand", "RFC 5849 §3.4.1.3.1, by HTML 4.0 §17.13.4: pairs are separated by an ampersand", (*request).hasRawSemicolon},
	{rubyOAuth, "forgets a name without an equals sign if it is there again", "RFC 5849 §3.4.1.3.1: a name may come more than once", (*request).repeatsABareName},
	{rubyOAuth, "sorts parameters before it encodes them", "RFC 5849 §3.4.1.3.2: encoded first, sorted then", func(r *request) bool {
		return r.sortsDifferently(func(a, b oauth1.Param) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value)) })
	}},

	{netOAuth, "knows each name once", "RFC 5849 §3.4.1.3.2: a name may come more than once", (*request).repeatsAName},
	{netOAuth, "takes no protocol parameters among the fields of a form", "nobody is wrong: RFC 5849 §3.5 wants them in one place", func(r *request) bool {
		return slices.ContainsFunc(r.form, func(f field) bool { return strings.HasPrefix(f.name, "oauth_") })
	}},
	{netOAuth, "signs no other parameters with the request for an access token", "RFC 5849 §3.4.1.3.1: all parameters of query and form", func(r *request) bool {
		return r.Verifier != "" && r.Place == oauth1.InHeader && len(r.fields()) > 0
	}},
	{netOAuth, "signs the host, the port and an empty path as they are in the URL", "RFC 5849 §3.4.1.2: lower case, without the default port, with a path", (*request).hasOtherBaseURI},
	{netOAuth, "takes the octets of the query for characters and encodes them anew", "RFC 5849 §3.6: octets are encoded once", func(r *request) bool {
		return slices.ContainsFunc(r.query, func(f field) bool { return !isASCII(f.name + f.value) })
	}},
	{netOAuth, "takes a semicolon for an ampersand", "RFC 5849 §3.4.1.3.1, by HTML 4.0 §17.13.4: pairs are separated by an ampersand", (*request).hasRawSemicolon},
	{netOAuth, "takes an empty pair of the query for a parameter without a name, and a query without equals signs for keywords",
		"RFC 5849 §3.4.1.3.1, by HTML 4.0 §17.13.4: between ampersands stand names, with or without values", func(r *request) bool {
			_, query, found := strings.Cut(r.URL, "?")
			return found && (slices.Contains(strings.Split(query, "&"), "") || !strings.Contains(query, "="))
		}},
	{netOAuth, "sorts pairs and not names", "RFC 5849 §3.4.1.3.2: by name, and by value for the same name", func(r *request) bool {
		return r.sortsDifferently(func(a, b oauth1.Param) int {
			return cmp.Compare(oauth1.Encode(a.Name)+"="+oauth1.Encode(a.Value), oauth1.Encode(b.Name)+"="+oauth1.Encode(b.Value))
		})
	}},
}

// differenceOf is the row that explains why a signer and we differ about a request; nil: none does.
func differenceOf(s signer, r *request) *difference {
	for n := range differences {
		if d := &differences[n]; d.signer == s.name && d.when(r) {
			return d
		}
	}
	return nil
}

var escaped = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c > '~' })
}

// base is the URL without its query.
func (r *request) base() string {
	base, _, _ := strings.Cut(r.URL, "?")
	return base
}

func (r *request) endsWithSemicolon() bool { return strings.HasSuffix(r.base(), ";") }

// hasOtherBaseURI reports whether the base string URI is spelled differently than the URL.
func (r *request) hasOtherBaseURI() bool {
	scheme, rest, _ := strings.Cut(r.base(), "://")
	host, _, hasPath := strings.Cut(rest, "/")
	return !hasPath || strings.ToLower(host) != host || strings.HasSuffix(host, map[string]string{"http": ":80", "https": ":443"}[scheme])
}

// fields are those of query and form.
func (r *request) fields() []field { return slices.Concat(r.query, r.form) }

// protocol are the protocol parameters that the signer adds.
func (r *request) protocol() []oauth1.Param {
	params := []oauth1.Param{
		{Name: oauth1.ParamConsumerKey, Value: r.ConsumerKey}, {Name: oauth1.ParamNonce, Value: r.Nonce}, {Name: oauth1.ParamTimestamp, Value: r.Timestamp},
		{Name: oauth1.ParamVersion, Value: "1.0"}, {Name: oauth1.ParamSignatureMethod, Value: string(r.SignatureMethod)},
		{Name: oauth1.ParamToken, Value: r.Token}, {Name: oauth1.ParamCallback, Value: r.Callback}, {Name: oauth1.ParamVerifier, Value: r.Verifier},
	}
	return slices.DeleteFunc(params, func(p oauth1.Param) bool { return p.Value == "" })
}

// anyOutsideHeader reports whether the value of a protocol parameter in form or query matches.
func (r *request) anyOutsideHeader(matches func(value string) bool) bool {
	for _, f := range r.fields() {
		if strings.HasPrefix(f.name, "oauth_") && matches(f.value) {
			return true
		}
	}
	return r.Place != oauth1.InHeader && slices.ContainsFunc(r.protocol(), func(p oauth1.Param) bool { return matches(p.Value) })
}

func (r *request) hasRawSemicolon() bool {
	return slices.ContainsFunc(r.fields(), func(f field) bool { return strings.Contains(f.text, ";") })
}

func (r *request) repeatsAName() bool {
	seen := map[string]bool{}
	for _, f := range r.fields() {
		if seen[f.name] {
			return true
		}
		seen[f.name] = true
	}
	return false
}

func (r *request) repeatsABareName() bool {
	count, bare := map[string]int{}, map[string]bool{}
	for _, f := range r.fields() {
		count[f.name]++
		if bare[f.name] = bare[f.name] || !strings.Contains(f.text, "="); bare[f.name] && count[f.name] > 1 {
			return true
		}
	}
	return false
}

// sortsDifferently reports whether an order puts the parameters in another order than the RFC's.
func (r *request) sortsDifferently(order func(a, b oauth1.Param) int) bool {
	params := r.protocol()
	for _, f := range r.fields() {
		params = append(params, oauth1.Param{Name: f.name, Value: f.value})
	}
	slices.SortFunc(params, func(a, b oauth1.Param) int {
		return cmp.Or(cmp.Compare(oauth1.Encode(a.Name), oauth1.Encode(b.Name)), cmp.Compare(oauth1.Encode(a.Value), oauth1.Encode(b.Value)))
	})
	return !slices.IsSortedFunc(params, order)
}
