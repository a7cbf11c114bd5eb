//! The reference: quinn as it comes, with the gateway's TLS and at its address. A benchmark that wants it is started a second time,
//! with [`ARGUMENT`].

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use quinn::crypto::rustls::QuicServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use safelight_gateway::config::{Config, Layout};
use safelight_gateway::ingest::{authenticate, keys};

use super::gateway::{Gateway, Process};

/// The argument that makes a benchmark the bare server.
const ARGUMENT: &str = "bare-server";

/// Serves for ever if this program was started as the bare server; comes back if not.
pub(crate) async fn serve_if_asked() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(ARGUMENT) {
        serve(arguments.next().expect("a data folder").into()).await;
    }
}

/// Starts this program again as the bare server at `gateway`'s address.
pub(crate) fn start(gateway: &Gateway) -> Process {
    let mut command = Command::new(std::env::current_exe().expect("this program's path"));
    command.arg(ARGUMENT).arg(gateway.layout().root()).stdin(Stdio::null());
    Process(command.spawn().expect("this program again"))
}

async fn serve(data: PathBuf) {
    let config = Config::load(&data).expect("the configuration");
    let folder = Layout::new(data).ingest();
    let chain: Vec<_> = CertificateDer::pem_file_iter(folder.join(keys::TLS_CHAIN_FILE))
        .expect("certificates")
        .collect::<Result<_, _>>()
        .expect("certificates");
    let key = PrivateKeyDer::from_pem_file(folder.join(keys::TLS_KEY_FILE)).expect("a key");
    let roots = chain.get(1..).expect("the CA's").to_vec();
    let tls = authenticate::server_config(chain, key, &roots).expect("TLS");
    let crypto = QuicServerConfig::try_from(tls).expect("TLS for QUIC");
    let server = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    let endpoint = quinn::Endpoint::server(server, config.listen).expect("a socket");
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            if let Ok(connection) = incoming.await {
                while connection.accept_bi().await.is_ok() {}
            }
        });
    }
}
