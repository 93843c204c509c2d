// The vendor's script: a page gives it the viewer's token, and it shows the player of a campaign.
(() => {
  const home = new URL(document.currentScript.src).origin;

  /** Loads the player into the element `shoplive-player`. Without a token the viewer is a guest. */
  const show = ({ campaign, userJWT }) => {
    const address = new URL(`/shoplive/player/${encodeURIComponent(campaign)}`, home);
    if (userJWT) address.searchParams.set("tk", userJWT);
    const frame = document.createElement("iframe");
    frame.title = `Shoplive player: ${campaign}`;
    frame.referrerPolicy = "no-referrer";
    frame.src = address.href;
    document.getElementById("shoplive-player").replaceChildren(frame);
  };

  window.cloud = {
    shoplive: {
      init(options) {
        this.options = options;
        show(options);
      },
      setUserJWT(userJWT) {
        show({ ...this.options, userJWT });
      },
    },
  };
})();
