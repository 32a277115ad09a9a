// SPDX-License-Identifier: Apache-2.0

// liboauth: the form at the token addresses, the header at the API.

#include <jansson.h>
#include <oauth.h>
#include <stdlib.h>
#include <string.h>

static json_t *settings;

static const char *setting(const char *key) { return json_string_value(json_object_get(settings, key)); }

static json_t *read_line(void) {
	static char line[16384];
	if (!fgets(line, sizeof line, stdin)) exit(0);
	return json_loads(line, 0, NULL);
}

static void say(json_t *report) {
	puts(json_dumps(report, JSON_COMPACT));
	fflush(stdout);
}

// parameter returns a parameter of a form or of an address's query.
static char *parameter(const char *text, const char *name) {
	char **pairs = NULL;
	char *found = NULL;
	const char *query = strchr(text, '?');
	int n = oauth_split_post_paramters(query ? query + 1 : text, &pairs, 2);
	for (int i = 0; i < n; i++)
		if (!strncmp(pairs[i], name, strlen(name)) && pairs[i][strlen(name)] == '=') found = strdup(pairs[i] + strlen(name) + 1);
	oauth_free_array(&n, &pairs);
	return found;
}

// post signs a POST to endpoint and returns the answer.
static char *post(const char *endpoint, const char *name, const char *value, const char *token, const char *secret) {
	char *url = malloc(strlen(endpoint) + 1024), *form = NULL;
	sprintf(url, "%s?%s=%s", endpoint, name, oauth_url_escape(value));
	char *to = oauth_sign_url2(url, &form, OA_HMAC, "POST", setting("client-id"), setting("client-secret"), token, secret);
	char *answer = oauth_http_post(to, form);
	if (!answer) {
		say(json_pack("{ss+}", "refused", "no answer from ", endpoint));
		exit(0);
	}
	return answer;
}

// get signs a GET by the header.
static char *get(const char *url, const char *token, const char *secret) {
	char **arguments = NULL, header[4096];
	int n = oauth_split_url_parameters(url, &arguments);
	oauth_sign_array2_process(&n, &arguments, NULL, OA_HMAC, "GET", setting("client-id"), setting("client-secret"), token, secret);
	snprintf(header, sizeof header, "Authorization: OAuth %s", oauth_serialize_url_sep(n, 1, arguments, ", ", 6));
	return oauth_http_get2(url, NULL, header);
}

int main(void) {
	setenv("CURLOPT_FAILONERROR", "1", 1); // no answer but 2xx
	settings = read_line();
	char *request = post(setting("request-token-endpoint"), "oauth_callback", setting("callback"), NULL, NULL);
	char *token = parameter(request, "oauth_token"), *secret = parameter(request, "oauth_token_secret");
	say(json_pack("{ss+++}", "open", setting("authorization-endpoint"), "?oauth_token=", oauth_url_escape(token), ""));

	const char *back = json_string_value(json_object_get(read_line(), "back"));
	char *access = post(setting("access-token-endpoint"), "oauth_verifier", parameter(back, "oauth_verifier"), token, secret);
	say(json_pack("{ss}", "did", "token"));
	char *answer = get(setting("api"), parameter(access, "oauth_token"), parameter(access, "oauth_token_secret"));
	say(json_pack("{sssiss}", "did", "call", "status", answer ? 200 : 0, "body", answer ? answer : ""));
	return 0;
}
