// SPDX-License-Identifier: Apache-2.0

// iddawc, which gets its HTTP from ulfius.

#include <iddawc.h>
#include <jansson.h>
#include <stdlib.h>
#include <ulfius.h>

static struct _i_session session;

static json_t *read_line(void) {
	static char line[16384];
	if (!fgets(line, sizeof line, stdin)) exit(0);
	return json_loads(line, 0, NULL);
}

static void say(json_t *report) {
	puts(json_dumps(report, JSON_COMPACT));
	fflush(stdout);
}

// expect ends the program where a call of the library failed.
static void expect(int result, const char *what) {
	if (result == I_OK) return;
	const char *error = i_get_str_parameter(&session, I_OPT_ERROR);
	say(json_pack("{ss++}", "refused", what, ": ", error ? error : "no error was named"));
	exit(0);
}

static void call(const char *api) {
	struct _u_request request;
	struct _u_response response;
	ulfius_init_request(&request);
	ulfius_init_response(&response);
	ulfius_set_request_properties(&request, U_OPT_HTTP_VERB, "GET", U_OPT_HTTP_URL, api, U_OPT_CHECK_SERVER_CERTIFICATE, 0, U_OPT_NONE);
	expect(i_perform_resource_service_request(&session, &request, &response, 0, I_BEARER_TYPE_HEADER, 0, 0), "API");
	say(json_pack("{sssiss#}", "did", "call", "status", (int)response.status, "body", response.binary_body, response.binary_body_length));
}

int main(void) {
	json_t *settings = read_line(), *claims = NULL;
#define SETTING(key) json_string_value(json_object_get(settings, key))
	i_global_init();
	i_init_session(&session);
	i_set_parameter_list(&session,
		I_OPT_RESPONSE_TYPE, I_RESPONSE_TYPE_CODE,
		I_OPT_ISSUER, SETTING("issuer"), // a switch: without it i_parse_redirect_to fails, for the answer names its issuer (RFC 9207)
		I_OPT_PKCE_METHOD, I_PKCE_METHOD_S256, I_OPT_PKCE_CODE_VERIFIER_GENERATE, 43, // the other: PKCE is off by default
		I_OPT_CLIENT_ID, SETTING("client-id"), I_OPT_CLIENT_SECRET, SETTING("client-secret"),
		I_OPT_TOKEN_METHOD, I_TOKEN_AUTH_METHOD_SECRET_BASIC,
		I_OPT_AUTH_ENDPOINT, SETTING("authorization-endpoint"), I_OPT_TOKEN_ENDPOINT, SETTING("token-endpoint"),
		I_OPT_INTROSPECTION_ENDPOINT, SETTING("introspection-endpoint"), I_OPT_REVOCATION_ENDPOINT, SETTING("revocation-endpoint"),
		I_OPT_REDIRECT_URI, SETTING("callback"), I_OPT_SCOPE, SETTING("scope"), I_OPT_STATE_GENERATE, 16,
		I_OPT_REMOTE_CERT_FLAG, I_REMOTE_VERIFY_NONE, // here only: this version takes no certificate authority but the system's
		I_OPT_NONE);

	expect(i_build_auth_url_get(&session), "authorization URL");
	say(json_pack("{ss}", "open", i_get_str_parameter(&session, I_OPT_REDIRECT_TO)));
	i_set_str_parameter(&session, I_OPT_REDIRECT_TO, json_string_value(json_object_get(read_line(), "back")));
	expect(i_parse_redirect_to(&session), "answer");
	expect(i_run_token_request(&session), "token");
	say(json_pack("{ss}", "did", "token"));
	call(SETTING("api"));

	i_set_response_type(&session, I_RESPONSE_TYPE_REFRESH_TOKEN);
	expect(i_run_token_request(&session), "refresh");
	say(json_pack("{ss}", "did", "refresh"));
	call(SETTING("api"));

	i_set_str_parameter(&session, I_OPT_TOKEN_TARGET, i_get_str_parameter(&session, I_OPT_ACCESS_TOKEN));
	expect(i_get_token_introspection(&session, &claims, I_INTROSPECT_REVOKE_AUTH_CLIENT_TARGET, 0), "introspection");
	say(json_pack("{ssss}", "did", "introspect", "username", json_string_value(json_object_get(claims, "username"))));
	expect(i_revoke_token(&session, I_INTROSPECT_REVOKE_AUTH_CLIENT_TARGET), "revocation");
	say(json_pack("{ss}", "did", "revoke"));
	return 0;
}
