// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// mutation changes a signed message. It reports false where it has nothing to change.
type mutation struct {
	name   string
	change func(g generator, m *oauth1.Message) bool
}

// breaking are mutations of what HMAC signs.
var breaking = []mutation{
	{"another method", func(_ generator, m *oauth1.Message) bool {
		m.Method = map[bool]string{true: "POST", false: "PUT"}[m.Method == "PUT"]
		return true
	}},
	{"another scheme", func(_ generator, m *oauth1.Message) bool {
		scheme, rest, _ := strings.Cut(m.URL, "://")
		m.URL = map[string]string{"http": "https", "https": "http"}[scheme] + "://" + rest
		return true
	}},
	{"another host", func(_ generator, m *oauth1.Message) bool {
		m.URL = strings.Replace(m.URL, "://", "://x", 1)
		return true
	}},
	{"another path", func(_ generator, m *oauth1.Message) bool {
		base, query, found := strings.Cut(m.URL, "?")
		if strings.Count(base, "/") == 2 {
			base += "/"
		}
		m.URL = base + "x"
		if found {
			m.URL += "?" + query
		}
		return true
	}},
	{"one more in the query", func(_ generator, m *oauth1.Message) bool { addToQuery(m, "m=1"); return true }},
	{"one more in the form", func(_ generator, m *oauth1.Message) bool { m.Form = strings.Trim(m.Form+"&m=", "&"); return true }},
	{"one fewer in the query", func(g generator, m *oauth1.Message) bool {
		return changeQuery(m, func(pairs []string) ([]string, bool) { return g.drop(pairs) })
	}},
	{"one fewer in the form", func(g generator, m *oauth1.Message) bool {
		return changeForm(m, func(pairs []string) ([]string, bool) { return g.drop(pairs) })
	}},
	{"another value in the query", func(g generator, m *oauth1.Message) bool {
		return changeQuery(m, func(pairs []string) ([]string, bool) { return g.append(pairs, "x") })
	}},
	{"another value in the form", func(g generator, m *oauth1.Message) bool {
		return changeForm(m, func(pairs []string) ([]string, bool) { return g.append(pairs, "%20") })
	}},
	{"another nonce", changeProtocol("oauth_nonce")},
	{"another timestamp", changeProtocol("oauth_timestamp")},
	{"another consumer key", changeProtocol("oauth_consumer_key")},
	{"another token", changeProtocol("oauth_token")},
	{"another verifier", changeProtocol("oauth_verifier")},
	{"another callback", changeProtocol("oauth_callback")},
	{"another signature", changeProtocol("oauth_signature")},
}

// harmless are mutations that mean the same (RFC 5849 §3.4.1).
var harmless = []mutation{
	{"the host in other letters", func(_ generator, m *oauth1.Message) bool { // §3.4.1.2
		scheme, rest, _ := strings.Cut(m.URL, "://")
		end := strings.IndexAny(rest+"/", "/?")
		m.URL = scheme + "://" + strings.ToUpper(rest[:end]) + rest[end:]
		return true
	}},
	{"the default port", func(_ generator, m *oauth1.Message) bool { // §3.4.1.2
		scheme, rest, _ := strings.Cut(m.URL, "://")
		end := strings.IndexAny(rest+"/", "/?")
		host, port := rest[:end], map[string]string{"http": ":80", "https": ":443"}[scheme]
		if bare, has := strings.CutSuffix(host, port); has {
			m.URL = scheme + "://" + bare + rest[end:]
			return true
		}
		if n := strings.LastIndexByte(host, ':'); n > strings.LastIndexByte(host, ']') {
			return false
		}
		m.URL = scheme + "://" + host + port + rest[end:]
		return true
	}},
	{"the query spelled differently, in another order", func(g generator, m *oauth1.Message) bool { // §3.4.1.3
		return changeQuery(m, func(pairs []string) ([]string, bool) { return g.respell(pairs) })
	}},
	{"the form spelled differently, in another order", func(g generator, m *oauth1.Message) bool { // §3.4.1.3
		return changeForm(m, func(pairs []string) ([]string, bool) { return g.respell(pairs) })
	}},
	{"a field of the form in the query", func(_ generator, m *oauth1.Message) bool { // §3.4.1.3.1
		moved := ""
		if !changeForm(m, func(pairs []string) ([]string, bool) {
			n := slices.IndexFunc(pairs, func(pair string) bool {
				return pair != "" && !strings.HasPrefix(pair, "oauth_") && !strings.HasPrefix(pair, "%6F")
			})
			if n < 0 {
				return nil, false
			}
			moved = pairs[n]
			return slices.Delete(pairs, n, n+1), true
		}) {
			return false
		}
		addToQuery(m, moved)
		return true
	}},
	{"the header spelled differently", func(g generator, m *oauth1.Message) bool { return g.respellHeader(m) }}, // RFC 9110 §5.6.1.2
	{"another realm", func(_ generator, m *oauth1.Message) bool { // §3.4.1.3.1
		rest, found := strings.CutPrefix(m.Authorization, "OAuth ")
		if !found || strings.HasPrefix(rest, "realm=") {
			return false
		}
		m.Authorization = `OAuth realm="another, \"quoted\"", ` + rest
		return true
	}},
}

func changeQuery(m *oauth1.Message, change func([]string) ([]string, bool)) bool {
	base, query, found := strings.Cut(m.URL, "?")
	pairs, ok := change(strings.Split(query, "&"))
	if found && ok {
		m.URL = base + "?" + strings.Join(pairs, "&")
	}
	return found && ok
}

func changeForm(m *oauth1.Message, change func([]string) ([]string, bool)) bool {
	pairs, ok := change(strings.Split(m.Form, "&"))
	if ok {
		m.Form = strings.Join(pairs, "&")
	}
	return ok
}

func addToQuery(m *oauth1.Message, pair string) {
	join := "?"
	if strings.Contains(m.URL, "?") {
		join = "&"
	}
	m.URL += join + pair
}

// pick chooses a pair that says something.
func (g generator) pick(pairs []string) (n int, ok bool) {
	var some []int
	for n, pair := range pairs {
		if pair != "" {
			some = append(some, n)
		}
	}
	if len(some) == 0 {
		return 0, false
	}
	return some[g.IntN(len(some))], true
}

func (g generator) drop(pairs []string) ([]string, bool) {
	n, ok := g.pick(pairs)
	if !ok {
		return nil, false
	}
	return slices.Delete(pairs, n, n+1), true
}

// append makes the value of a pair longer, or its name where there is no value.
func (g generator) append(pairs []string, text string) ([]string, bool) {
	n, ok := g.pick(pairs)
	if ok {
		pairs[n] += text
	}
	return pairs, ok
}

// respell writes all pairs in another way, in another order.
func (g generator) respell(pairs []string) ([]string, bool) {
	for n, pair := range pairs {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(name)
		value, valueErr := url.QueryUnescape(value)
		if nameErr != nil || valueErr != nil {
			return nil, false
		}
		pairs[n] = g.field(name, value).text
	}
	g.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	return pairs, true
}

// respellHeader writes the list of the header in another way, in another order.
func (g generator) respellHeader(m *oauth1.Message) bool {
	list, found := strings.CutPrefix(m.Authorization, "OAuth ")
	if !found || strings.Contains(list, "realm=") {
		return false
	}
	members := strings.Split(list, ",")
	for n, member := range members {
		name, value, _ := strings.Cut(strings.TrimSpace(member), "=")
		if value == `""` { // a token cannot be empty
			continue
		}
		value = strings.Trim(value, `"`)
		switch g.IntN(3) {
		case 0:
			members[n] = name + "=" + value
		case 1:
			plain, err := url.PathUnescape(value)
			if err != nil {
				return false
			}
			members[n] = name + ` = "` + fullEncode(plain) + `"`
		default:
			members[n] = "\t" + name + `="` + value + `" `
		}
	}
	g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	m.Authorization = g.one("OAuth ", "oauth\t", "OAUTH, ", "OAuth  ,") + strings.Join(members, g.one(",", ", ", ",,", " , ,")) + g.one("", ",", " ")
	return true
}

// changeProtocol changes the value of a protocol parameter, wherever it is.
func changeProtocol(name string) func(generator, *oauth1.Message) bool {
	return func(_ generator, m *oauth1.Message) bool {
		for _, in := range []*string{&m.Authorization, &m.Form, &m.URL} {
			before, after, found := strings.Cut(*in, name+"=")
			if !found || before != "" && strings.IndexByte(`&?, `, before[len(before)-1]) < 0 {
				continue
			}
			if rest, quoted := strings.CutPrefix(after, `"`); quoted {
				*in = before + name + `="1` + rest
			} else {
				*in = before + name + "=1" + after
			}
			return true
		}
		return false
	}
}
