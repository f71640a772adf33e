"""What our way of asking costs beside the bare engine, Captum, SHAP and LIME: the same map, the same weights."""
